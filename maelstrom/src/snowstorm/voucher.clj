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
  same user is told `already_redeemed`.

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

  The test has few vouchers and few users, so that rights run out and the same user asks again and again, of several nodes at
  the same time. In the end everything settles, fresh users redeem whatever is left, and reports and wallets are read in full;
  only then every user's first request is asked once more, since that alone would finish what a node has left half done. The
  rules are told in snowstorm.checker.voucher."
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
  same user is told `already_redeemed`."
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

;; What there is to be redeemed, and by whom

(def vouchers
  "A run reaches the limit of the first two early and lives with it; that of the third late or never."
  [{:code "hot", :limit 12, :amount 500, :shards 4}
   {:code "cold", :limit 7, :amount 30, :shards 1}
   {:code "wide", :limit 40, :amount 1, :shards 2}])

(def ^:private voucher-of
  (into {} (map (juxt :code identity)) vouchers))

(def ^:private draw-code
  (j/weighted 7 "hot", 3 "cold", 10 "wide"))

(def ^:private users
  "More than any limit, so that some go away empty-handed."
  (mapv #(str "u" %) (range 48)))

(def ^:private frequent-users
  "These do half of everything."
  (subvec users 0 4))

(defn- draw-user
  []
  (j/pick (if (zero? (rand-int 2)) frequent-users users)))

(def ^:private page-length-max 10)

(def ^:private full-report-page-length
  "Several pages, for the larger vouchers."
  16)

(def ^:private full-report-pages-max
  "Far more than the largest limit fills."
  32)

(defn- request
  "A user's request for a voucher, by its number; whoever names it means the same one."
  ([code user]
   (request code user 0))
  ([code user number]
   {:code code, :user user, :request_id (str code ":" user ":" number)}))

(defn- create-otherwise
  "What must be refused."
  [voucher]
  {:f :create-otherwise, :value (update voucher :limit inc)})

;; The operations of a client. Whoever finds that nobody in the run was told yet that a voucher exists creates it first, so an
;; operation means the same wherever it comes.

(defn- create!
  [{:keys [shared] :as client} op voucher]
  (let [result (ask voucher-create client voucher)]
    (when (= :ok (:kind result))
      (swap! shared conj (:code voucher)))
    (complete op result (constantly voucher))))

(defn- when-created
  "Carries `act` out on a voucher that exists. If it may be that there is none nothing is done, and that is certain."
  [{:keys [shared] :as client} {:keys [value] :as op} act]
  (let [code    (:code value)
        voucher (or (voucher-of code) (throw (ex-info (str "there is no voucher " code) {})))
        created (when-not (@shared code) (create! client op voucher))]
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
  {:create           creation
   :create-otherwise other-creation
   :redeem           redemption
   :replay           redemption
   :read             reading
   :settled          settling
   :report           report
   :report-all       full-report
   :wallet           wallet})

;; What is asked

(defn- generator
  []
  (let [last-redeem (atom nil)
        redeem      #(reset! last-redeem
                             ; One in ten is a user's second redemption, by another request.
                             {:f     :redeem
                              :value (request (draw-code) (draw-user) (if (zero? (rand-int 10)) 1 0))})
        ; What was drawn last, which by now another node may be busy with.
        again       #(or @last-redeem (redeem))
        page        #(let [{:keys [code limit]} (j/pick vouchers)]
                       {:f     :report
                        :value {:code code, :offset (rand-int (inc limit)), :limit (inc (rand-int page-length-max))}})
        draw        (j/weighted 52 redeem
                                18 again
                                8  #(do {:f :read, :value {:code (draw-code)}})
                                8  page
                                10 #(do {:f :wallet, :value {:user (draw-user)}})
                                3  #(do {:f :create, :value (j/pick vouchers)})
                                1  #(create-otherwise (j/pick vouchers)))]
    [(mapv (fn [voucher] {:f :create, :value voucher}) vouchers)
     (fn [] ((draw)))]))

(defn- last-questions
  []
  (let [codes   (map :code vouchers)
        of-each (fn [f] (for [code codes] {:f f, :value {:code code}}))
        wallets (fn [owners] (for [user owners] {:f :wallet, :value {:user user}}))
        ; One more than there can be rights, so that the last ones are told that there are none.
        drain   (for [{:keys [code limit]} vouchers, number (range (inc limit))]
                  (request code (str "fresh-" code "-" number)))
        replays (for [code codes, user users] {:f :replay, :value (request code user)})]
    (concat (for [voucher vouchers] {:f :create, :value voucher})
            (map create-otherwise vouchers)
            (of-each :settled)
            (for [value drain] {:f :redeem, :value value})
            (of-each :settled)
            (of-each :report-all)
            (wallets (concat users (map :user drain)))
            ; Shuffled, so that it is another node's turn than when a user was asked about before.
            (shuffle replays)
            ; A replay must have changed nothing.
            (of-each :settled)
            (of-each :read)
            (for [code codes] {:f :report, :value {:code code, :offset 0, :limit page-length-max}})
            (of-each :report-all)
            (wallets frequent-users))))

(defn workload
  "The workload, given the options of a test: {:net a Maelstrom network, :nodes [...], :concurrency n}"
  [{:keys [net] :as opts}]
  {; Of which vouchers anybody in the run was told that they exist.
   :client          (j/client net (atom #{}) operations)
   :generator       (generator)
   :final-generator (j/one-by-one opts (last-questions))
   :checker         (j/checker rules/check)})
