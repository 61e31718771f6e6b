(ns snowstorm.voucher
  "A service of vouchers: a voucher has a limit, every user redeems it once, and each redemption credits a wallet, exactly once,
  whatever crashes and however often it is asked.

  A voucher is created with a `limit` and the `amount` that each redemption credits, in minor units. Again with the same
  parameters nothing happens; with others the answer is error 21.

  ```json
  {\"type\": \"voucher_create\", \"code\": \"launch\", \"limit\": 300, \"amount\": 500, \"shards\": 4}
  {\"type\": \"voucher_create_ok\"}
  ```

  `shards` may be left out: over how many records its rights are spread.

  A user redeems it with a request id. The same request again, to any node, gets the same answer for ever; another one of the
  same user is told `already_redeemed`. A request is a code, a user and a request id: for another user or voucher the same id is
  another request.

  ```json
  {\"type\": \"redeem\", \"code\": \"launch\", \"user\": \"ada\", \"request_id\": \"r1\"}
  {\"type\": \"redeem_ok\", \"outcome\": \"redeemed\", \"redemption\": 17, \"credited\": 500}
  {\"type\": \"redeem_ok\", \"outcome\": \"already_redeemed\"}
  {\"type\": \"redeem_ok\", \"outcome\": \"sold_out\"}
  ```

  `redemption` is unique within its voucher. How many there are, and how many of them are not credited yet:

  ```json
  {\"type\": \"voucher_read\", \"code\": \"launch\"}
  {\"type\": \"voucher_read_ok\", \"limit\": 300, \"used\": 17, \"pending\": 1}
  ```

  Who redeemed, in pages, in an order in which none changes its place while no other is added:

  ```json
  {\"type\": \"voucher_report\", \"code\": \"launch\", \"limit\": 100, \"offset\": 0}
  {\"type\": \"voucher_report_ok\", \"length\": 17,
   \"redemptions\": [{\"redemption\": 1, \"user\": \"ada\", \"request_id\": \"r1\"}]}
  ```

  What a user has, and where it came from. A user nobody has heard of has nothing.

  ```json
  {\"type\": \"wallet_read\", \"user\": \"ada\"}
  {\"type\": \"wallet_read_ok\", \"balance\": 500,
   \"entries\": [{\"code\": \"launch\", \"request_id\": \"r1\", \"redemption\": 17, \"credited\": 500}]}
  ```

  Errors: 20 for a voucher that does not exist, 21 as above, 11 when nothing happened, 13 when it may have happened, 12 for what
  is not as declared.

  The test has few vouchers and few users at a time, so that rights run out and the same user asks again and again, of several
  nodes at the same time; and always new ones, so that there is something to redeem until the end. Then everything settles,
  fresh users redeem whatever is left, and reports and wallets are read in full; only then requests are asked once more, since
  that alone would finish what a node has left half done. The rules are told in snowstorm.checker.voucher."
  (:require [maelstrom.client :as c]
            [schema.core :as s]
            [snowstorm.checker.voucher :as rules]
            [snowstorm.jepsen :as j :refer [ask complete error?]]))

(c/defrpc voucher-create
  "Creates a voucher that `limit` users can redeem, each once, for `amount`. Again with the same parameters: nothing happens;
  with others: error 21."
  {:type                    (s/eq "voucher_create")
   :code                    s/Str
   :limit                   s/Int
   :amount                  s/Int
   (s/optional-key :shards) s/Int}
  {:type (s/eq "voucher_create_ok")})

(c/defrpc redeem
  "Redeems a voucher for a user and credits the wallet. The same request again gets the same answer for ever; another one of the
  same user is told `already_redeemed`. A request id belongs to its code and user: for another user or voucher it is another
  request."
  {:type       (s/eq "redeem")
   :code       s/Str
   :user       s/Str
   :request_id s/Str}
  {:type                        (s/eq "redeem_ok")
   :outcome                     (s/enum "redeemed" "already_redeemed" "sold_out")
   (s/optional-key :redemption) s/Int
   (s/optional-key :credited)   s/Int})

(c/defrpc voucher-read
  "How many redemptions there are, and how many of them are not credited yet, or not yet known to be."
  {:type (s/eq "voucher_read")
   :code s/Str}
  {:type    (s/eq "voucher_read_ok")
   :limit   s/Int
   :used    s/Int
   :pending s/Int})

;; Maelstrom makes keywords of the keys of a body only; those of objects in it are texts.

(c/defrpc voucher-report
  "Lists redemptions, in an order in which none changes its place while no other is added; `length` is how many there are."
  {:type   (s/eq "voucher_report")
   :code   s/Str
   :limit  s/Int
   :offset s/Int}
  {:type        (s/eq "voucher_report_ok")
   :length      s/Int
   :redemptions [{(s/required-key "redemption") s/Int
                  (s/required-key "user")       s/Str
                  (s/required-key "request_id") s/Str}]})

(c/defrpc wallet-read
  "What a user has, and where it came from. A user nobody has heard of has nothing."
  {:type (s/eq "wallet_read")
   :user s/Str}
  {:type    (s/eq "wallet_read_ok")
   :balance s/Int
   :entries [{(s/required-key "code")       s/Str
              (s/required-key "request_id") s/Str
              (s/required-key "redemption") s/Int
              (s/required-key "credited")   s/Int}]})

;; What there is to be redeemed, and by whom. New vouchers open as long as a run lasts, and the users come and go with them: so at
;; every moment some vouchers are fresh, some are being sold out and some are old, and wallets stay small. What is open follows
;; from the number of redemptions drawn, and the terms of a voucher from its code: `hot` is the first of its kind, `hot-1` the
;; second.

(def ^:private kinds
  "Each voucher is sold out a while before the next one of its kind opens. The last kind fills pages of reports; it opens after so
  many redemptions, because those who redeem what is left of it in the end are many."
  [{:code "hot", :limit 12, :amount 500, :shards 4, :weight 7, :after 0}
   {:code "cold", :limit 7, :amount 30, :shards 1, :weight 3, :after 0}
   {:code "wide", :limit 40, :amount 1, :shards 2, :weight 10, :after 0}
   {:code "long", :limit 150, :amount 2, :shards 1, :weight 5, :after 600}])

(defn- voucher-at
  [kind number]
  (cond-> (select-keys kind [:code :limit :amount :shards])
    (pos? number) (update :code str "-" number)))

(def vouchers
  "Those that are open from the beginning."
  (into [] (comp (filter (comp zero? :after)) (map #(voucher-at % 0))) kinds))

(defn- voucher-of
  "By its code. Throws for one that no test names."
  [code]
  (let [[_ name number] (re-matches #"(.+?)(?:-([1-9]\d*))?" code)
        kind            (first (filter #(= name (:code %)) kinds))]
    (when-not kind
      (throw (ex-info (str "there is no voucher " code) {})))
    (voucher-at kind (if number (Long/parseLong number) 0))))

(def ^:private draws-per-right
  "A voucher is the newest of its kind for so many redemptions drawn of it, times its limit."
  2)

(def ^:private old-voucher-interval
  "One in so many draws is of a voucher that is not the newest of its kind any more."
  7)

(def ^:private user-count
  "At a time. More than are let in by most vouchers, so that some go away empty-handed."
  60)

(def ^:private draws-per-user
  "After so many redemptions a user goes and a new one comes."
  3)

(def ^:private frequent-user-interval
  "One in so many users does, with the others like this, a quarter of everything."
  12)

(def ^:private frequent-draw-interval 4)

(def ^:private nothing-drawn
  "What is open at a moment of a run: how many redemptions were drawn, and by the name of a kind the number of its newest voucher
  and how often that was drawn to be redeemed."
  {:redeem-count 0
   :newest       (into {} (for [{:keys [code]} kinds] [code {:number 0, :draw-count 0}]))})

(defn- draw-kind
  [{:keys [redeem-count]}]
  (let [open (filter #(<= (:after %) redeem-count) kinds)]
    ((apply j/weighted (mapcat (juxt :weight identity) open)))))

(defn- draw-number
  "Which voucher of a kind, mostly the newest. The one before is still in demand; any other one is asked for now and then."
  [{:keys [newest]} {:keys [code]}]
  (let [number (:number (newest code))]
    (cond
      (or (zero? number) (pos? (rand-int old-voucher-interval))) number
      (zero? (rand-int 2))                                       (dec number)
      :else                                                      (rand-int number))))

(defn- draw-voucher
  [market]
  (let [kind (draw-kind market)]
    (voucher-at kind (draw-number market kind))))

(defn- draw-user
  [{:keys [redeem-count]}]
  (let [oldest (quot redeem-count draws-per-user)]
    (str "u" (if (pos? (rand-int frequent-draw-interval))
               (+ oldest (rand-int user-count))
               (* frequent-user-interval
                  (+ (quot (+ oldest frequent-user-interval -1) frequent-user-interval)
                     (rand-int (quot user-count frequent-user-interval))))))))

(defn- after-redemption
  "What is open after a voucher of a kind was drawn to be redeemed, and the vouchers that have opened by that."
  [market {:keys [code limit] :as kind} number]
  (let [{newest :number, :keys [draw-count]} (get-in market [:newest code])
        drawn  (cond-> draw-count (= number newest) inc)
        next?  (>= drawn (* draws-per-right limit))
        market (-> market
                   (update :redeem-count inc)
                   (assoc-in [:newest code] (if next?
                                              {:number (inc newest), :draw-count 0}
                                              {:number newest, :draw-count drawn})))]
    [market (concat (when next? [(voucher-at kind (inc newest))])
                    (for [{:keys [after] :as other} kinds :when (= after (:redeem-count market))] (voucher-at other 0)))]))

(def ^:private sample-length
  "Requests of the whole run that are asked again now and then: a sample in which each is as likely as any other."
  64)

(def ^:private sample-interval
  "One in so many repetitions, and reads of wallets, is out of the sample."
  4)

(def ^:private replays-max
  "Requests that are asked once more in the end."
  150)

(def ^:private wallets-after-replays
  "That are read once more after that."
  8)

(def ^:private page-length-max 10)

(def ^:private full-report-page-length
  "Several pages, for the larger vouchers."
  16)

(def ^:private full-report-pages-max
  "Far more than the largest limit fills."
  32)

(defn- request
  "A user's request for a voucher, by its number; whoever names it means the same one. The request id is one of few: it means
  something only together with code and user."
  ([code user]
   (request code user 0))
  ([code user number]
   {:code code, :user user, :request_id (str "r" number)}))

(defn- create-otherwise
  "What must be refused."
  [voucher]
  {:f :create-otherwise, :value (update voucher :limit inc)})

;; What the clients of a run know together: which vouchers exist, and, for the last questions, all that was asked

(def ^:private nothing-known
  {; Of which vouchers anybody was told that they exist.
   :existing #{}
   ; Codes and users that any operation named, and requests, in the order in which they were named first.
   :codes    []
   :users    []
   :requests []
   ; Pairs of code and user that were told that they redeemed.
   :redeemed #{}
   :named    #{}})

(defn- add-once
  [known kind item]
  (if (or (nil? item) (contains? (:named known) [kind item]))
    known
    (-> known (update :named conj [kind item]) (update kind conj item))))

(defn- noting
  "Takes down what an operation is about and what came of it."
  [operate]
  (fn [{:keys [shared] :as client} {:keys [value] :as op}]
    (let [{:keys [code user request_id]} value]
      (swap! shared #(cond-> (-> % (add-once :codes code) (add-once :users user))
                       request_id (add-once :requests (select-keys value [:code :user :request_id]))))
      (let [{:keys [type value] :as completion} (operate client op)]
        (when (and (= :ok type) (= "redeemed" (:outcome value)))
          (swap! shared update :redeemed conj [code user]))
        completion))))

;; The operations of a client. Whoever finds that nobody in the run was told yet that a voucher exists creates it first, so an
;; operation means the same wherever it comes.

(defn- create!
  [{:keys [shared] :as client} op voucher]
  (let [result (ask voucher-create client voucher)]
    (when (= :ok (:kind result))
      (swap! shared update :existing conj (:code voucher)))
    (complete op result (constantly voucher))))

(defn- when-created
  "Carries `act` out on a voucher that exists. If it may be that there is none nothing is done, and that is certain."
  [{:keys [shared] :as client} {:keys [value] :as op} act]
  (let [code    (:code value)
        voucher (voucher-of code)
        created (when-not (contains? (:existing @shared) code) (create! client op voucher))]
    (if (or (nil? created) (= :ok (:type created)))
      (act)
      (assoc created :type :fail, :value value))))

(defn- creation
  [client {:keys [value] :as op}]
  (create! client op value))

(defn- other-creation
  "A refusal is the right answer, and so is :ok."
  [client {:keys [value] :as op}]
  (when-created client op
    (fn []
      (let [result (ask voucher-create client value)]
        (if (error? result :key-already-exists)
          (assoc op :type :ok, :value (assoc value :refused true))
          (complete op result (constantly (assoc value :refused false))))))))

(defn- redemption
  [client {:keys [value] :as op}]
  (when-created client op #(complete op (ask redeem client value) (fn [body] (merge value (j/answer body))))))

(defn- reading
  [client {:keys [value] :as op}]
  (when-created client op #(complete op (ask voucher-read client value) (fn [body] (merge value (j/answer body))))))

(defn- settling
  [client {:keys [value] :as op}]
  (let [{:keys [type] :as completion} (reading client op)
        pending                       (-> completion :value :pending)]
    (if (or (not= :ok type) (= 0 pending))
      completion
      (assoc op :type :fail, :value value, :error [:pending pending]))))

(defn- report
  [client {:keys [value] :as op}]
  (when-created client op #(complete op (ask voucher-report client value) (fn [body] (merge value (j/answer body))))))

(defn- full-report
  "Page by page. What is added meanwhile may come in anywhere, so a report that grows is no answer."
  [client {{:keys [code]} :value :as op}]
  (when-created client op
    (fn []
      (loop [redemptions [], known-length nil, page-count 1]
        (let [result (ask voucher-report client
                          {:code code, :offset (count redemptions), :limit full-report-page-length})
              {:keys [length] more :redemptions} (:body result)
              all    (into redemptions more)]
          (cond
            (not= :ok (:kind result))
            (complete op result nil)

            (and known-length (not= length known-length))
            (assoc op :type :fail, :error [:changed (str "from " known-length " to " length " redemptions")])

            ; One that ends too early, or never, is for the checker to judge.
            (or (>= (count all) length) (empty? more) (= page-count full-report-pages-max))
            (assoc op :type :ok, :value {:code code, :length length, :redemptions all})

            :else
            (recur all length (inc page-count))))))))

(defn- wallet
  [client {:keys [value] :as op}]
  (complete op (ask wallet-read client value) #(merge value (j/answer %))))

(def ^:private operations
  (into {}
        (map (fn [[f operate]] [f (noting operate)]))
        {:create           creation
         :create-otherwise other-creation
         :redeem           redemption
         :replay           redemption
         :read             reading
         :settled          settling
         :report           report
         :report-all       full-report
         :wallet           wallet}))

;; What is asked

(defn- keep-in-sample
  [sample drawn-count request]
  (let [place (rand-int drawn-count)]
    (cond
      (< (count sample) sample-length) (conj sample request)
      (< place sample-length)          (assoc sample place request)
      :else                            sample)))

(defn- drawing
  "Functions that draw operations, and know what was drawn. :opened is what has opened since it was asked for last."
  []
  (let [market  (atom nothing-drawn)
        due     (atom [])
        sample  (atom [])
        newest  (atom nil)
        ; Now and then a request of any time.
        earlier #(when (and (seq @sample) (zero? (rand-int sample-interval))) (j/pick @sample))
        redeem  (fn []
                  (let [kind          (draw-kind @market)
                        number        (draw-number @market kind)
                        [next opened] (after-redemption @market kind number)
                        ; One in ten is a user's second redemption, by another request.
                        value         (request (:code (voucher-at kind number)) (draw-user @market)
                                               (if (zero? (rand-int 10)) 1 0))]
                    (reset! market next)
                    (swap! due into opened)
                    (swap! sample keep-in-sample (:redeem-count next) value)
                    {:f :redeem, :value (reset! newest value)}))]
    {:redeem    redeem
     ; Mostly what was drawn last, which by now another node may be busy with.
     :again     #(if-let [value @newest]
                   {:f :redeem, :value (or (earlier) value)}
                   (redeem))
     :read      #(do {:f :read, :value {:code (:code (draw-voucher @market))}})
     :report    #(let [{:keys [code limit]} (draw-voucher @market)]
                   {:f     :report
                    :value {:code code, :offset (rand-int (inc limit)), :limit (inc (rand-int page-length-max))}})
     :wallet    #(do {:f :wallet, :value {:user (or (:user (earlier)) (draw-user @market))}})
     :create    #(do {:f :create, :value (draw-voucher @market)})
     :otherwise #(create-otherwise (draw-voucher @market))
     :opened    #(when-let [voucher (first @due)]
                   (swap! due (comp vec rest))
                   {:f :create, :value voucher})}))

(defn- generator
  []
  (let [of   (drawing)
        draw (apply j/weighted (mapcat (fn [[weight kind]] [weight (of kind)])
                                       [[52 :redeem] [18 :again] [8 :read] [8 :report] [10 :wallet] [3 :create]
                                        [1 :otherwise]]))]
    [(mapv (fn [voucher] {:f :create, :value voucher}) vouchers)
     (fn [] (or ((:opened of)) ((draw))))]))

(defn- last-questions
  "Of every voucher that any operation named, and of every user."
  [{:keys [codes users requests redeemed]}]
  (let [codes    (distinct (concat (map :code vouchers) codes))
        named    (map voucher-of codes)
        counts   (frequencies (map first redeemed))
        of-each  (fn [f] (for [code codes] {:f f, :value {:code code}}))
        wallets  (fn [owners] (for [user (distinct owners)] {:f :wallet, :value {:user user}}))
        ; One more than there can be rights left, so that the last ones are told that there are none.
        drain    (for [{:keys [code limit]} named, number (range (inc (max 0 (- limit (counts code 0)))))]
                   (request code (str "fresh-" code "-" number)))
        ; Shuffled, so that it is another node's turn than when it was asked before.
        replayed (take replays-max (shuffle requests))]
    (concat (for [voucher named] {:f :create, :value voucher})
            (map create-otherwise named)
            (of-each :settled)
            (for [value drain] {:f :redeem, :value value})
            (of-each :settled)
            (of-each :report-all)
            (wallets (concat users (map :user drain)))
            (for [value replayed] {:f :replay, :value value})
            ; A replay must have changed nothing.
            (of-each :settled)
            (of-each :read)
            (for [code codes] {:f :report, :value {:code code, :offset 0, :limit page-length-max}})
            (of-each :report-all)
            (wallets (map :user (take wallets-after-replays replayed))))))

(defn work-of
  "Work is a redemption that nobody was told of before."
  [{:keys [f value]}]
  (when (and (= :redeem f) (= "redeemed" (:outcome value)))
    [(:code value) (:user value)]))

(defn workload
  "The workload, given the options of a test: {:net a Maelstrom network, :nodes [...], :concurrency n}"
  [{:keys [net] :as opts}]
  (let [known (atom nothing-known)]
    {:client          (j/client net known operations)
     :generator       (generator)
     :final-generator (j/one-by-one opts #(last-questions @known))
     :checker         (j/checker rules/check work-of)}))
