(ns snowstorm.support.services
  "The services behind the workloads, as small as possible: in one place, one request after another, nothing lost. A
  run of a workload against them must be valid.

  A service is a function of the id of a node and the body of a request; it gives the body of the reply."
  (:require [snowstorm.checker.id-slots :as slots]))

(defn- reply
  ([type] {:type type})
  ([type fields] (assoc fields :type type)))

(defn- error
  [code]
  {:type "error", :code code, :text "no"})

;; Vouchers

(defn- redeem
  [vouchers {:keys [code user request_id]}]
  (let [{:keys [terms redemptions]} (@vouchers code)
        of-user (first (filter #(= user (:user %)) redemptions))
        redeemed (fn [{:keys [redemption]}] {:outcome "redeemed", :redemption redemption, :credited (:amount terms)})]
    (reply "redeem_ok"
           (cond
             (and of-user (= request_id (:request_id of-user))) (redeemed of-user)
             of-user                                            {:outcome "already_redeemed"}
             (>= (count redemptions) (:limit terms))            {:outcome "sold_out"}
             :else
             (let [redemption {:redemption (inc (count redemptions)), :user user, :request_id request_id}]
               (swap! vouchers update-in [code :redemptions] (fnil conj []) redemption)
               (redeemed redemption))))))

(defn voucher-service
  []
  (let [vouchers (atom {})]
    (fn [_node {:keys [type code user limit offset] :as body}]
      (let [{:keys [terms redemptions]} (@vouchers code)]
        (cond
          (= "wallet_read" type)
          (let [entries (vec (for [[code {:keys [terms redemptions]}] @vouchers
                                   redemption redemptions :when (= user (:user redemption))]
                               {:code code, :request_id (:request_id redemption), :redemption (:redemption redemption)
                                :credited (:amount terms)}))]
            (reply "wallet_read_ok" {:balance (reduce + (map :credited entries)), :entries entries}))

          (= "voucher_create" type)
          (let [asked (select-keys body [:limit :amount :shards])]
            (if (and terms (not= terms asked))
              (error 21)
              (do (swap! vouchers assoc-in [code :terms] asked)
                  (reply "voucher_create_ok"))))

          (nil? terms) (error 20)

          :else
          (case type
            "redeem"         (redeem vouchers body)
            "voucher_read"   (reply "voucher_read_ok" {:limit   (:limit terms)
                                                         :amount  (:amount terms)
                                                         :used    (count redemptions)
                                                         :pending 0})
            "voucher_report" (reply "voucher_report_ok"
                                    {:length      (count redemptions)
                                     :redemptions (vec (take limit (drop offset redemptions)))})))))))

;; Transfers

(defn- legs-of
  [{:keys [legs from to amount]}]
  (or legs [{:account from, :amount (- amount)} {:account to, :amount amount}]))

(defn- transition
  [state at]
  {:state state, :at at, :node "n0", :time "2026-11-21T08:00:00.000Z"})

(defn- decide
  "Why a transfer cannot be done; nil if it can."
  [accounts legs]
  (some (fn [{:keys [account amount]}]
          (let [{:keys [balance closed]} (accounts account)]
            (cond
              closed                    (if (neg? amount) "payer closed" "payee closed")
              (neg? (+ balance amount)) "insufficient funds")))
        legs))

(defn- transfer
  [state {:keys [request_id] :as body}]
  (let [asked (dissoc body :type :msg_id)
        {:keys [accounts transfers]} @state
        known (transfers request_id)
        legs  (legs-of body)]
    (cond
      (and known (not= asked (:asked known)))                (error 22)
      known                                                  (reply "transfer_ok" (:answer known))
      (not-every? #(contains? accounts (:account %)) legs)   (error 20)
      :else
      (let [reason (decide accounts legs)
            answer (if reason {:outcome "aborted", :reason reason} {:outcome "committed"})
            steps  (if reason
                     (concat [(transition "running" 0)]
                             (map #(transition "compensating" %) (reverse (range (count legs))))
                             [(transition "aborted" 0)])
                     [(transition "running" 0) (transition "committing" 1) (transition "committed" 0)])]
        (swap! state assoc-in [:transfers request_id] {:asked asked, :answer answer, :history (vec steps)})
        (when-not reason
          (doseq [{:keys [account amount]} legs]
            (swap! state update-in [:accounts account] #(-> % (update :balance + amount) (update :version inc)))))
        (reply "transfer_ok" answer)))))

(defn saga-service
  []
  (let [state (atom {:accounts {}, :transfers {}})]
    (fn [_node {:keys [type account balance accounts request_id] :as body}]
      (let [{:keys [opening closed] :as known} (get-in @state [:accounts account])]
        (case type
          "account_open"
          (cond
            closed                                (error 22)
            (and opening (not= opening balance))  (error 21)
            opening                               (reply "account_open_ok")
            :else (do (swap! state assoc-in [:accounts account] {:opening balance, :balance balance, :version 1})
                      (reply "account_open_ok")))

          "account_close"
          (cond
            (nil? known)                   (error 20)
            (not= 0 (:balance known))      (error 22)
            :else (do (swap! state update-in [:accounts account] assoc :closed true)
                      (reply "account_close_ok")))

          "transfer"
          (transfer state body)

          "transfer_status"
          (if-let [{:keys [answer history]} (get-in @state [:transfers request_id])]
            (reply "transfer_status_ok" (-> answer (dissoc :outcome) (assoc :state (:outcome answer), :history history)))
            (error 20))

          "audit"
          (let [found (map (:accounts @state) accounts)]
            (if (every? some? found)
              (reply "audit_ok" {:balances (mapv :balance found), :versions (mapv :version found), :unfinished []})
              (error 20))))))))

;; Ids

(defn- snowflake
  [node sequence]
  (Long/toUnsignedString (bit-or (bit-shift-left (+ 60000000000 (quot sequence 4096)) 23)
                                 (bit-shift-left node 13)
                                 (bit-shift-left (mod sequence 4096) 1))))

(defn- uuid
  [node sequence]
  (let [timestamp (format "%012x" (+ slots/epoch-ms 60000000000 (quot sequence 4096)))]
    (str (subs timestamp 0 8) "-" (subs timestamp 8) "-7" (format "%03x" (mod sequence 4096))
         "-" (format "%03x" (bit-or 0x800 node)) "0-000000000000")))

(defn ids-service
  [nodes]
  (let [sequences (atom {})
        assigned  (atom {})
        number-of (into {} (map-indexed (fn [index node] [node index])) nodes)
        next-id   (fn [node kind]
                    (let [sequence (dec (get (swap! sequences update node (fnil inc 0)) node))]
                      ((if (= "uuid" kind) uuid snowflake) (number-of node) sequence)))]
    (fn [node {:keys [type count kind id service key]}]
      (case type
        "generate"
        (if count
          (reply "generate_ok" {:ids (vec (repeatedly count #(next-id node kind)))})
          (reply "generate_ok" {:id (next-id node kind)}))

        "guid_assign"
        (let [pair [service key]]
          (when-not (@assigned pair)
            (swap! assigned assoc pair {:id (next-id node "snowflake"), :node node}))
          (reply "guid_assign_ok" {:id (:id (@assigned pair))}))

        "guid_status"
        (if-let [{:keys [kind timestamp-ms node sequence]} (slots/read-id id)]
          (let [[[service key] {:keys [node-id]}]
                (first (for [[pair {of-pair :id, by :node}] @assigned :when (= id of-pair)] [pair {:node-id by}]))]
            (reply "guid_status_ok"
                   (cond-> {:kind kind, :timestamp (slots/format-timestamp timestamp-ms), :node node, :sequence sequence}
                     service (assoc :assignment {:service service, :key key, :node node-id
                                                 :created_at "2026-11-21T08:00:00.000Z"}))))
          (error 12))))))
