(ns snowstorm.checker.voucher
  "What the voucher service promises: at most `limit` redemptions, each by a different user, each credited exactly
  once. R is the final report of a voucher; all requests and answers are compared with it. A request that ended in
  :info may have redeemed or not; its other answers and R say which.

  The rules, by their names in the result:

  :within-limit             R and every number of redemptions told are at most the limit, and what is pending is part of
                            them
  :once-a-user              a user redeems once
  :acknowledged-is-kept     what was answered `redeemed` is in R, as it was answered
  :nothing-unasked          what is in R was asked for, and not merely refused
  :as-many-as-asked         R is no smaller than what was acknowledged, and no larger than the number of users who may
                            have redeemed
  :counts-are-current       numbers of redemptions never fall, and count what was acknowledged before and nothing that
                            was asked for later
  :sold-out-is-true         was told when so many of R had been asked for
  :no-right-is-lost         fresh users redeemed in the end what was left
  :wallets-are-right        they hold exactly the redemptions, and held them before any replay
  :answers-agree            one request has one answer, which goes together with R
  :redemptions-are-distinct a number stands for one redemption, and a report lists each once, for ever
  :as-created               a voucher keeps the terms under which it was created
  :refuses-rightly          what is well-formed is not called malformed, and what exists not missing

  Without the final reads the verdict is unknown, so a run that lacks one is never valid."
  (:require [snowstorm.checker.findings :refer [finding verdict]]
            [snowstorm.checker.history :refer [never]]
            [snowstorm.checker.voucher-record :refer [last-settling run-record terms-of]]
            [snowstorm.checker.voucher-redemptions :refer [redemption-findings]]
            [snowstorm.checker.voucher-wallets :refer [wallet-findings]]))

(def rules
  [:within-limit :once-a-user :acknowledged-is-kept :nothing-unasked :as-many-as-asked :counts-are-current
   :sold-out-is-true :no-right-is-lost :wallets-are-right :answers-agree :redemptions-are-distinct :as-created
   :refuses-rightly])

;; The rules for creations and refusals

(defn- judge-terms
  [{:keys [vouchers other-creations]}]
  (concat
    (mapcat (fn [{:keys [code terms creations counts]}]
              (when terms
                (concat
                  (for [{others :terms, :keys [operation]} creations :when (not= terms others)]
                    (finding :as-created "a voucher was created under two terms"
                             {:code code, :terms terms, :others others, :operation operation}))
                  (for [{:keys [limit operation]} counts :when (and limit (not= limit (:limit terms)))]
                    (finding :as-created "a voucher has another limit than it was created with"
                             {:code code, :terms terms, :limit limit, :operation operation}))
                  (for [{:keys [amount operation]} counts :when (and amount (not= amount (:amount terms)))]
                    (finding :as-created "a voucher has another amount than it was created with"
                             {:code code, :terms terms, :amount amount, :operation operation})))))
            vouchers)
    (for [{:keys [code refused operation] :as creation} other-creations :when (not refused)]
      (finding :as-created "a voucher was created again under other terms"
               {:code code, :terms (terms-of creation), :operation operation}))))

(defn- judge-refusals
  [{:keys [vouchers refusals]}]
  (let [creations (into {} (map (juxt :code :creations)) vouchers)]
    (for [{:keys [f asked error-name invocation operation]} refusals
          :let [facts {:f f, :asked asked, :operation operation}]]
      (cond
        (#{"malformed-request" "not-supported"} error-name)
        (finding :refuses-rightly "a request was refused that is well-formed" facts)

        (= "key-already-exists" error-name)
        (finding :refuses-rightly "a voucher was refused under the terms that it has" facts)

        (and (= "key-does-not-exist" error-name)
             (some #(< (:operation %) invocation) (creations (:code asked))))
        (finding :refuses-rightly "a voucher is missing that was created before" facts)))))

;; The verdict

(defn- missing-wallet
  "Each user who may have redeemed must have a wallet read after all redemptions were known."
  [{:keys [vouchers wallets]}]
  (let [known-at   (reduce max -1 (map #(or (:operation (:first-final %)) never) vouchers))
        wallets-of (into {} wallets)]
    (first
      (for [{:keys [requests]} vouchers
            {:keys [user first-possible]} requests
            :when (not= never first-possible)
            :let  [read (last (wallets-of user))]
            :when (or (nil? read) (< (:invocation read) known-at))]
        (str "there is no final read of the wallet of " user)))))

(defn- missing
  "The evidence that is missing for a verdict, in words; nil if nothing is."
  [{:keys [vouchers] :as run}]
  (or (some (fn [{:keys [code terms final] :as voucher}]
              (cond
                (nil? terms)                                  (str "no answer says that " code " was created")
                (nil? final)                                  (str "there is no final report of " code)
                (nil? (:pending (last-settling voucher run))) (str "it is unknown whether " code " settled")))
            vouchers)
      (missing-wallet run)))

(defn check
  "The verdict on a history."
  [_test history]
  (let [{:keys [vouchers attempted-count] :as run} (run-record history)
        acknowledged-count (reduce + (map (comp count :acknowledged) vouchers))]
    (verdict rules
             (remove nil? (concat (mapcat redemption-findings vouchers)
                                  (wallet-findings run)
                                  (judge-terms run)
                                  (judge-refusals run)))
             {:attempted-count    attempted-count
              :acknowledged-count acknowledged-count
              :redemption-count   (reduce + (map (comp count :redemptions :final) vouchers))}
             (if (zero? acknowledged-count)
               "no redemption was acknowledged"
               (missing run)))))
