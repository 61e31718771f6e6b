(ns snowstorm.checker.saga-requests
  "The rules for requests about accounts, and for refusals: a request is refused if and only if it must be. A closed
  account stays empty for ever. That an account is closed is no reason before a client asked to close it."
  (:require [snowstorm.checker.findings :refer [finding]]
            [snowstorm.checker.history :as h]
            [snowstorm.checker.saga-final :as f]
            [snowstorm.checker.saga-record :refer [account-in]]))

(def ^:private closed-reasons
  "The reasons that name a closed account, and the sign of the legs that are meant."
  {"payer closed" neg?, "payee closed" pos?})

(defn- judge-read
  [run {:keys [accounts balances versions invocation operation]}]
  (cons
    (when-not (= (count accounts) (count balances) (count versions))
      (finding :accounts-are-right "another number of accounts was told than asked for"
               {:asked (count accounts), :balances (count balances), :versions (count versions), :operation operation}))
    (for [[index account] (map-indexed vector accounts)
          :let  [{:keys [closed-since]} (account-in run account)
                 balance                (nth balances index nil)]
          :when (not (or (> closed-since invocation) (= 0 balance)))]
      (finding :accounts-are-right "an account that is closed has money"
               {:account account, :balance balance, :operations [closed-since operation]}))))

(defn- closed-in-vain?
  "Whether a reason says closed although no account can have been closed."
  [run {:keys [legs]} {:keys [reason operation]}]
  (when-let [meant? (closed-reasons reason)]
    (and (seq legs)
         (not-any? (fn [{:keys [account amount]}]
                     (and (meant? amount) (< (:maybe-closed-since (account-in run account)) operation)))
                   legs))))

(defn- judge-ending
  [run final {:keys [request-id first-asked legs] :as transfer} {:keys [outcome reason operation] :as ending}]
  (if (= "committed" outcome)
    ; Only if the final status agrees: a wrong answer is for other rules.
    (when (= outcome (or (:state (f/status-of final transfer)) outcome))
      (when-let [{:keys [account]} (h/first-where #(< (:closed-since (account-in run (:account %))) first-asked) legs)]
        (finding :accounts-are-right "a transfer was committed with an account that was closed before"
                 {:request_id request-id, :account account
                  :operations [(:closed-since (account-in run account)) first-asked operation]})))
    (when (closed-in-vain? run transfer ending)
      (finding :accounts-are-right "a transfer was aborted for an account that was not closed"
               {:request_id request-id, :reason reason, :operation operation}))))

(defn- judge-refusal
  [run {:keys [f asked error accounts well-formed invocation operation]}]
  (let [facts {:f f, :asked asked, :operation operation}
        named (map #(account-in run %) accounts)]
    (case error
      "malformed-request"
      (when well-formed
        (finding :accounts-are-right "a request was refused that is well-formed" facts))

      "not-supported"
      (finding :accounts-are-right "a request was refused that is well-formed" facts)

      ; For any request, the account may have been opened first, with the balance that it has.
      "key-already-exists"
      (when (and (seq named) (every? (comp some? :opening) named))
        (finding :accounts-are-right "an account was refused with the balance that it has" facts))

      "key-does-not-exist"
      (when (and (seq named) (every? #(< (:exists-since %) invocation) named))
        (finding :accounts-are-right "an account is missing that was opened before" facts))

      "precondition-failed"
      (when (and (= :open f) (every? #(> (:maybe-closed-since %) operation) named))
        (finding :accounts-are-right "an account is called closed that was not closed" facts))

      nil)))

(defn request-findings
  [{:keys [other-openings closes reads transfers attempts refusals] :as run} final]
  (concat
    (for [{:keys [account balance refused operation]} other-openings :when (not refused)]
      (finding :accounts-are-right "an account was opened again with another balance"
               {:account account, :balance balance, :operation operation}))
    (for [{:keys [account closed invocation operation]} closes
          :let  [{:keys [closed-since]} (account-in run account)]
          :when (not (or closed (> closed-since invocation)))]
      (finding :accounts-are-right "an account that is closed could not be closed"
               {:account account, :operations [closed-since operation]}))
    (mapcat #(judge-read run %) reads)
    (map (fn [transfer] (some #(judge-ending run final transfer %) (:endings transfer))) transfers)
    (for [{:keys [request-id well-formed ok operation]} attempts :when (and ok (not well-formed))]
      (finding :accounts-are-right "a transfer was carried out that is malformed"
               {:request_id request-id, :operation operation}))
    (map #(judge-refusal run %) refusals)))
