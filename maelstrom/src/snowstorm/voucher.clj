(ns snowstorm.voucher
  "A voucher service: a voucher has a limit, every user redeems it once, and each redemption credits a wallet exactly
  once, even under crashes and repeated requests.

  A voucher is created with a `limit` and the `amount` that each redemption credits, in minor units. Creating it again
  with the same parameters does nothing; with others the answer is error 21.

  ```json
  {\"type\": \"voucher_create\", \"code\": \"launch\", \"limit\": 300, \"amount\": 500, \"shards\": 4}
  {\"type\": \"voucher_create_ok\"}
  ```

  `shards` is the number of records over which its rights are spread. It may be left out.

  A user redeems it with a request id. A replay, at any node, always gets the same answer. A different request of the
  same user gets `already_redeemed`. A request is a code, a user and a request id: for another user or voucher the same
  id is a different request.

  ```json
  {\"type\": \"redeem\", \"code\": \"launch\", \"user\": \"ada\", \"request_id\": \"r1\"}
  {\"type\": \"redeem_ok\", \"outcome\": \"redeemed\", \"redemption\": 17, \"credited\": 500}
  {\"type\": \"redeem_ok\", \"outcome\": \"already_redeemed\"}
  {\"type\": \"redeem_ok\", \"outcome\": \"sold_out\"}
  ```

  `redemption` is unique within its voucher. The terms, how many redemptions there are, and how many of them are not
  credited yet:

  ```json
  {\"type\": \"voucher_read\", \"code\": \"launch\"}
  {\"type\": \"voucher_read_ok\", \"limit\": 300, \"amount\": 500, \"used\": 17, \"pending\": 1}
  ```

  The redemptions, in pages. The order does not change unless a redemption is added:

  ```json
  {\"type\": \"voucher_report\", \"code\": \"launch\", \"limit\": 100, \"offset\": 0}
  {\"type\": \"voucher_report_ok\", \"length\": 17,
   \"redemptions\": [{\"redemption\": 1, \"user\": \"ada\", \"request_id\": \"r1\"}]}
  ```

  What a user has, and where it came from. An unknown user has nothing.

  ```json
  {\"type\": \"wallet_read\", \"user\": \"ada\"}
  {\"type\": \"wallet_read_ok\", \"balance\": 500,
   \"entries\": [{\"code\": \"launch\", \"request_id\": \"r1\", \"redemption\": 17, \"credited\": 500}]}
  ```

  Errors: 20 for a voucher that does not exist, 21 as above, 11 when nothing happened, 13 when it may have happened, 12
  for what is not as declared.

  The test has few vouchers and few users at a time, so that rights run out and a user repeats requests at several
  nodes at the same time. New ones keep coming, so that there is something to redeem until the end. Then everything
  settles, fresh users redeem the rest, and reports and wallets are read in full. Only then are requests replayed,
  since a replay would finish abandoned work. The rules are in snowstorm.checker.voucher."
  (:require [maelstrom.client :as c]
            [schema.core :as s]
            [snowstorm.checker.voucher :as rules]
            [snowstorm.jepsen :as j :refer [ask complete error?]]))

(c/defrpc voucher-create
  "Creates a voucher that `limit` users can redeem, each once, for `amount`. Again with the same parameters: nothing
  happens. With others: error 21."
  {:type                    (s/eq "voucher_create")
   :code                    s/Str
   :limit                   s/Int
   :amount                  s/Int
   (s/optional-key :shards) s/Int}
  {:type (s/eq "voucher_create_ok")})

(c/defrpc redeem
  "Redeems a voucher for a user and credits the wallet. A replay always gets the same answer; a different request of
  the same user gets `already_redeemed`. A request id belongs to its code and user: for another user or voucher it is a
  different request."
  {:type       (s/eq "redeem")
   :code       s/Str
   :user       s/Str
   :request_id s/Str}
  {:type                        (s/eq "redeem_ok")
   :outcome                     (s/enum "redeemed" "already_redeemed" "sold_out")
   (s/optional-key :redemption) s/Int
   (s/optional-key :credited)   s/Int})

(c/defrpc voucher-read
  "The terms, the number of redemptions, and how many of them are not credited yet, or not yet known to be."
  {:type (s/eq "voucher_read")
   :code s/Str}
  {:type    (s/eq "voucher_read_ok")
   :limit   s/Int
   :amount  s/Int
   :used    s/Int
   :pending s/Int})

;; Maelstrom makes keywords only of the keys of a body. Keys of inner objects stay texts.

(c/defrpc voucher-report
  "Lists redemptions; `length` is how many there are. The order does not change unless a redemption is added."
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
  "What a user has, and where it came from. An unknown user has nothing."
  {:type (s/eq "wallet_read")
   :user s/Str}
  {:type    (s/eq "wallet_read_ok")
   :balance s/Int
   :entries [{(s/required-key "code")       s/Str
              (s/required-key "request_id") s/Str
              (s/required-key "redemption") s/Int
              (s/required-key "credited")   s/Int}]})

;; The vouchers and users of a run. New vouchers open as long as a run lasts, and users come and go with them. So at any
;; moment some vouchers are fresh, some are nearly sold out and some are old, and wallets stay small. The number of
;; redemptions drawn decides what is open. The code of a voucher gives its terms: `hot` is the first of its kind,
;; `hot-1` the second.

(def ^:private kinds
  "Each voucher is sold out a while before the next one of its kind opens. The last kind fills pages of reports. It
  opens only after many redemptions, because the rest of it takes many final redemptions."
  [{:code "hot", :limit 12, :amount 500, :shards 4, :weight 7, :after 0}
   {:code "cold", :limit 7, :amount 30, :shards 1, :weight 3, :after 0}
   {:code "wide", :limit 40, :amount 1, :shards 2, :weight 10, :after 0}
   {:code "long", :limit 150, :amount 2, :shards 1, :weight 5, :after 600}])

(defn- voucher-at
  [kind number]
  (cond-> (select-keys kind [:code :limit :amount :shards])
    (pos? number) (update :code str "-" number)))

(def vouchers
  "The vouchers that are open from the beginning."
  (into [] (comp (filter (comp zero? :after)) (map #(voucher-at % 0))) kinds))

(defn- voucher-of
  "The voucher of a code. Throws for a code that no test uses."
  [code]
  (let [[_ name number] (re-matches #"(.+?)(?:-([1-9]\d*))?" code)
        kind            (first (filter #(= name (:code %)) kinds))]
    (when-not kind
      (throw (ex-info (str "there is no voucher " code) {})))
    (voucher-at kind (if number (Long/parseLong number) 0))))

(def ^:private draws-per-right
  "A voucher stays the newest of its kind for its limit times this many redemptions."
  2)

(def ^:private old-voucher-interval
  "One in this many draws is of a voucher that is no longer the newest of its kind."
  7)

(def ^:private user-count
  "The users at a time. More than the limit of most vouchers, so that some get nothing."
  60)

(def ^:private draws-per-user
  "After this many redemptions a user goes and a new one comes."
  3)

(def ^:private frequent-user-interval
  "One in this many users is frequent. All frequent users together make a quarter of all requests."
  12)

(def ^:private frequent-draw-interval 4)

(def ^:private nothing-drawn
  "What is open at a moment of a run: how many redemptions were drawn, and for each kind the number of its newest
  voucher and how often that was drawn for a redemption."
  {:redeem-count 0
   :newest       (into {} (for [{:keys [code]} kinds] [code {:number 0, :draw-count 0}]))})

(defn- draw-kind
  [{:keys [redeem-count]}]
  (let [open (filter #(<= (:after %) redeem-count) kinds)]
    ((apply j/weighted (mapcat (juxt :weight identity) open)))))

(defn- draw-number
  "The number of a voucher of a kind, mostly the newest. The previous one is drawn often, any older one now and then."
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
  "What is open after a voucher of a kind was drawn for a redemption, and the vouchers that open because of it."
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
  "A uniform sample of the requests of the whole run, which are replayed now and then."
  64)

(def ^:private sample-interval
  "One in this many replays and reads of wallets is from the sample."
  4)

(def ^:private replays-max
  "The most requests that are replayed at the end."
  150)

(def ^:private wallets-after-replays
  "How many wallets are read again after that."
  8)

(def ^:private page-length-max 10)

(def ^:private full-report-page-length
  "Several pages, for the larger vouchers."
  16)

(def ^:private full-report-pages-max
  "Far more pages than the largest limit fills."
  32)

(defn- request
  "A user's request for a voucher, by its number. The same arguments give the same request. There are few request ids:
  one means something only together with code and user."
  ([code user]
   (request code user 0))
  ([code user number]
   {:code code, :user user, :request_id (str "r" number)}))

(defn- create-otherwise
  "A creation that must be refused."
  [voucher]
  {:f :create-otherwise, :value (update voucher :limit inc)})

;; What the clients of a run share: which vouchers exist and, for the final questions, everything that was requested

(def ^:private nothing-known
  {; Vouchers that a client was told exist.
   :existing #{}
   ; Codes, users and requests of any operation, in the order in which they were first named.
   :codes    []
   :users    []
   :requests []
   ; Pairs of code and user that were told `redeemed`.
   :redeemed #{}
   :named    #{}})

(defn- add-once
  [known kind item]
  (if (or (nil? item) (contains? (:named known) [kind item]))
    known
    (-> known (update :named conj [kind item]) (update kind conj item))))

(defn- noting
  "Notes what an operation is about, and its outcome."
  [operate]
  (fn [{:keys [shared] :as client} {:keys [value] :as op}]
    (let [{:keys [code user request_id]} value]
      (swap! shared #(cond-> (-> % (add-once :codes code) (add-once :users user))
                       request_id (add-once :requests (select-keys value [:code :user :request_id]))))
      (let [{:keys [type value] :as completion} (operate client op)]
        (when (and (= :ok type) (= "redeemed" (:outcome value)))
          (swap! shared update :redeemed conj [code user]))
        completion))))

;; The operations of a client. A client creates a voucher first if no client was told yet that it exists. So an
;; operation means the same at any place in a run.

(defn- create!
  [{:keys [shared] :as client} op voucher]
  (let [result (ask voucher-create client voucher)]
    (when (= :ok (:kind result))
      (swap! shared update :existing conj (:code voucher)))
    (complete op result (constantly voucher))))

(defn- when-created
  "Runs `act` once the voucher exists. If it may not exist, nothing is done, and that is certain."
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
  "Reads page by page. A redemption added meanwhile may appear anywhere, so a report that grows is no answer."
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

            ; The checker judges a report that ends too early, or never.
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

;; Drawing operations

(defn- keep-in-sample
  [sample drawn-count request]
  (let [place (rand-int drawn-count)]
    (cond
      (< (count sample) sample-length) (conj sample request)
      (< place sample-length)          (assoc sample place request)
      :else                            sample)))

(defn- drawing
  "Functions that draw operations. They share what was drawn. :opened draws the creation of a voucher that has opened."
  []
  (let [market  (atom nothing-drawn)
        due     (atom [])
        sample  (atom [])
        newest  (atom nil)
        ; Now and then a request from any time of the run.
        earlier #(when (and (seq @sample) (zero? (rand-int sample-interval))) (j/pick @sample))
        redeem  (fn []
                  (let [kind          (draw-kind @market)
                        number        (draw-number @market kind)
                        [next opened] (after-redemption @market kind number)
                        ; One in ten is a user's second redemption, under another request id.
                        value         (request (:code (voucher-at kind number)) (draw-user @market)
                                               (if (zero? (rand-int 10)) 1 0))]
                    (reset! market next)
                    (swap! due into opened)
                    (swap! sample keep-in-sample (:redeem-count next) value)
                    {:f :redeem, :value (reset! newest value)}))]
    {:redeem    redeem
     ; Mostly the latest request, which another node may be busy with.
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
  "About every voucher and every user of any operation."
  [{:keys [codes users requests redeemed]}]
  (let [codes    (distinct (concat (map :code vouchers) codes))
        named    (map voucher-of codes)
        counts   (frequencies (map first redeemed))
        of-each  (fn [f] (for [code codes] {:f f, :value {:code code}}))
        wallets  (fn [owners] (for [user (distinct owners)] {:f :wallet, :value {:user user}}))
        ; One more than the rights that can be left, so that the last ones get `sold_out`.
        drain    (for [{:keys [code limit]} named, number (range (inc (max 0 (- limit (counts code 0)))))]
                   (request code (str "fresh-" code "-" number)))
        ; Shuffled, so that another node is asked than before.
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
  "New work is a redemption that no answer told before."
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
