(ns snowstorm.checker.saga
  "What the transfer service promises: money moves as requested, all of it or nothing, exactly once, and none is
  created or lost. At the end everything has settled. Then the status of every transfer and the balance of every
  account are read, and all requests and answers are compared with that. A request that ended in :info may have moved
  money or not.

  The rules, by their names in the result:

  :money-is-conserved     in every snapshot of all accounts
  :no-overdraft           no balance is below zero
  :all-or-nothing         accounts have in the end what committed transfers moved, and no history is contradictory
  :acknowledged-is-kept   what was answered is so in the end, what was only refused is not committed
  :settles                before any replay
  :compensates-in-order   histories are the ones that there may be, and are only added to
  :one-outcome            with one reason, in every answer
  :answers-agree          with replays and statuses
  :refuses-another-body   under a request id that was used, and only then
  :reads-are-current      statuses show what was acknowledged, versions never fall and have one balance each
  :serves-without-faults  while nothing is broken, transfers are answered
  :accounts-are-right     they keep their opening, stay closed and empty, and are refused only if they must be

  Without the final reads the verdict is unknown, so a run that lacks one is never valid."
  (:require [snowstorm.checker.findings :refer [verdict]]
            [snowstorm.checker.history :as h :refer [never]]
            [snowstorm.checker.saga-accounts :refer [account-findings]]
            [snowstorm.checker.saga-final :as f]
            [snowstorm.checker.saga-histories :refer [history-findings]]
            [snowstorm.checker.saga-outcomes :refer [outcome-findings]]
            [snowstorm.checker.saga-record :refer [run-record]]
            [snowstorm.checker.saga-requests :refer [request-findings]]
            [snowstorm.checker.saga-windows :refer [availability]]))

(def rules
  [:money-is-conserved :no-overdraft :all-or-nothing :acknowledged-is-kept :settles :compensates-in-order :one-outcome
   :answers-agree :refuses-another-body :reads-are-current :serves-without-faults :accounts-are-right])

(defn- missing
  "The evidence that is missing for a verdict, in words; nil if nothing is."
  [run {:keys [settling has-statuses untold has-read]}]
  (cond
    (nil? settling)    "it is unknown whether the transfers settled"
    (not has-statuses) "not all transfers were asked about in the end"
    untold             (str "there is no final status of " (:request-id untold))
    (not has-read)     "there is no final read of all accounts"
    :else              (when-let [{:keys [name]} (h/first-where (comp nil? :opening) (:existing run))]
                         (str "the opening balance of " name " is unknown"))))

(defn check
  "The verdict on a history.

    test   {:hit-message-count n, :latency-mean-ms n}, see snowstorm.checker.saga-windows"
  [test history]
  (let [history            (vec history)
        run                (run-record history)
        final              (f/final-phase run)
        served             (availability test history (:attempts run))
        acknowledged-count (count (remove #(= never (:acknowledged-at %)) (:transfers run)))
        count-in-state     (fn [state] (count (filter #(= state (:state (f/status-of final %))) (:transfers run))))]
    (-> (verdict rules
                 (remove nil? (concat (account-findings run final)
                                      (outcome-findings run final)
                                      (history-findings run)
                                      (:findings served)
                                      (request-findings run final)))
                 {:attempted-count    (count (:attempts run))
                  :acknowledged-count acknowledged-count
                  :committed-count    (count-in-state "committed")
                  :aborted-count      (count-in-state "aborted")}
                 (if (zero? acknowledged-count)
                   "no transfer was acknowledged"
                   (missing run final)))
        (update :serves-without-faults merge (:facts served)))))
