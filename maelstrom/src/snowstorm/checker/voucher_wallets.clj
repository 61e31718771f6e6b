(ns snowstorm.checker.voucher-wallets
  "The rules for wallets. Each entry comes from a redemption, is worth the amount of the voucher, and stays. All
  entries must be there before the replays at the end: a replay finishes abandoned work, and would hide that the nodes
  do not."
  (:require [snowstorm.checker.findings :refer [finding]]
            [snowstorm.checker.history :refer [never]]
            [snowstorm.checker.voucher-record :refer [last-settling]]))

(defn- entry-name
  [entry]
  (select-keys entry [:code :request_id :redemption]))

(defn- known-entries
  "By user, the entries that the wallet must show, and from where on."
  [{:keys [vouchers wallets]}]
  (let [learnt (concat
                 (for [{:keys [code acknowledged]} vouchers
                       {:keys [user request-id] {:keys [redemption operation]} :acknowledged} acknowledged
                       :when (some? redemption)]
                   [user {:code code, :request_id request-id, :redemption redemption} operation])
                 ; Full reports are read after the voucher has settled.
                 (for [{:keys [code full-reports]} vouchers
                       {:keys [redemptions operation]} full-reports
                       redemption redemptions]
                   [(:user redemption) (entry-name (assoc redemption :code code)) operation])
                 (for [[user reads] wallets
                       {:keys [entries operation]} reads
                       entry entries]
                   [user (entry-name entry) operation]))]
    (reduce (fn [known [user entry operation]]
              (update-in known [user entry] (fnil min never) operation))
            {}
            learnt)))

(defn- judge-entry
  [vouchers user {:keys [code request_id redemption credited] :as entry} operation]
  (if-let [{:keys [terms final final-by-user]} (vouchers code)]
    [(when (and terms (not= credited (:amount terms)))
       (finding :wallets-are-right "an entry is worth another amount than the voucher"
                {:user user, :entry entry, :amount (:amount terms), :operation operation}))
     (when (and final
                (not-any? #(and (= request_id (:request_id %)) (= redemption (:redemption %))) (final-by-user user)))
       (finding :wallets-are-right "a wallet has an entry that is not in the report"
                {:user user, :entry entry, :operations [operation (:operation final)]}))]
    [(finding :wallets-are-right "a wallet has an entry of no voucher"
              {:user user, :entry entry, :operation operation})]))

(defn- judge-wallet-read
  [vouchers known {:keys [user balance entries invocation operation]}]
  (let [sum   (reduce + (map :credited entries))
        shown (set (map entry-name entries))]
    (concat
      [(when (not= balance sum)
         (finding :wallets-are-right "a balance is not the sum of the entries"
                  {:user user, :balance balance, :sum sum, :entries entries, :operation operation}))]
      (loop [[entry & more :as all] entries, seen #{}, found []]
        (if (empty? all)
          found
          (recur more
                 (conj seen (entry-name entry))
                 (into (cond-> found
                         (seen (entry-name entry))
                         (conj (finding :wallets-are-right "a redemption is in a wallet twice"
                                        {:user user, :entry entry, :operation operation})))
                       (judge-entry vouchers user entry operation)))))
      (for [[entry since] (known user)
            :when (and (<= since invocation) (not (shown entry)))]
        (finding :wallets-are-right "a wallet does not show a redemption that was known before"
                 (assoc entry :user user :operations [since operation]))))))

(defn wallet-findings
  [{:keys [vouchers wallets] :as run}]
  (let [known   (known-entries run)
        by-code (into {} (map (juxt :code identity)) vouchers)]
    (concat
      (mapcat (fn [[_ reads]] (mapcat #(judge-wallet-read by-code known %) reads)) wallets)
      (for [{:keys [code] :as voucher} vouchers
            :let  [{:keys [pending operation]} (last-settling voucher run)]
            :when (and pending (not= 0 pending))]
        (finding :wallets-are-right "redemptions were pending still when replays began"
                 {:code code, :pending pending, :operation operation})))))
