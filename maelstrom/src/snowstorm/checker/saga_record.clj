(ns snowstorm.checker.saga-record
  "What a history says of accounts and transfers, sorted for the rules. A client opens an account first if no client
  was told yet that it exists, and such an opening is in no history. So the opening balance is taken from any `open` of
  the account. That it exists is known from every answer that only an existing account gives."
  (:require [snowstorm.checker.history :as h :refer [never]]))

(defn terminal?
  [state]
  (contains? #{"committed" "aborted"} state))

(defn legs-of
  "The legs of a transfer, from its body; nil if it has none, or has them twice."
  [{:keys [legs from to amount]}]
  (cond
    (some? legs)                       (when (and (nil? from) (nil? to) (nil? amount)) legs)
    (or (nil? from) (nil? to)
        (nil? amount))                 nil
    :else                              [{:account from, :amount (- amount)} {:account to, :amount amount}]))

(defn well-formed?
  "Whether the body of a transfer is well-formed."
  [{:keys [amount] :as body}]
  (let [legs (legs-of body)]
    (boolean (and legs
                  (pos? (if (nil? amount) 1 amount))
                  (= (count legs) (count (distinct (map :account legs))))
                  (zero? (reduce + (map :amount legs)))
                  (every? #(not= 0 (:amount %)) legs)))))

(defn accounts-of
  "The accounts that a request names."
  [{:keys [account accounts] :as asked}]
  (cond
    (some? account)  [account]
    (some? accounts) accounts
    :else            (mapv :account (legs-of asked))))

(defn- ok?
  [op]
  (= :ok (:type op)))

(defn- by-f
  [ops & fs]
  (filter (comp (set fs) :f) ops))

;; Transfers: what each operation says of them, in order

(defn- answer
  [by {:keys [request_id outcome reason]} op]
  [request_id (merge (h/place op) {:event :answer, :by by, :outcome outcome, :reason reason})])

(defn- status
  [{:keys [request_id state reason history]} of-all op]
  [request_id (merge (h/place op) {:event :status, :of-all of-all, :state state, :reason reason
                                   :history (vec history)})])

(defn- transfer-events
  "Pairs of a request id and what one operation says of it."
  [{:keys [f asked answered invocation type operation] :as op}]
  (let [id (:request_id asked "")]
    (case f
      :transfer
      (cond-> [[id {:event :asked, :body asked, :invocation invocation, :failed (= :fail type)}]]
        (ok? op) (conj (answer :transfer answered op)))

      ; The client may have to ask for the original first. However that ends, the original may have happened. If this
      ; was answered, the original was acknowledged before the other body was sent.
      :transfer-otherwise
      (cond-> [[id {:event :asked, :body (:original asked), :invocation invocation, :failed false}]]
        (ok? op) (conj [(:request_id answered) {:event :acknowledged, :operation operation}]))

      :replay   (when (ok? op) (map #(answer :replay % op) (:answers answered)))
      :status   (when (ok? op) [(status answered false op)])
      :statuses (when (ok? op) (map #(status % true op) (:statuses answered)))
      nil)))

(defn- earliest
  [places]
  (reduce min never places))

(defn- transfer
  "One transfer, with all requests for it at any node: what it was to do, and every answer about it."
  [id events]
  (let [of           (fn [& kinds] (filter (comp (set kinds) :event) events))
        asked        (of :asked)
        acknowledged (map :operation (of :answer :acknowledged))
        endings      (vec (keep (fn [{:keys [event state] :as one}]
                                  (case event
                                    :answer one
                                    :status (when (terminal? state) (assoc one :by :status, :outcome state))
                                    nil))
                                events))
        statuses     (vec (of :status))]
    {:request-id      id
     ; From the first request; empty if there was none, or if its body has no clear legs.
     :legs            (vec (some-> (first asked) :body legs-of))
     :first-asked     (earliest (map :invocation asked))
     ; Whether every attempt ended in a definite error.
     :failed-always   (and (empty? acknowledged) (every? :failed asked))
     ; Where a client was told its outcome: from there on it must be kept.
     :acknowledged-at (earliest acknowledged)
     ; Where a client was told that it had ended.
     :ended-at        (earliest (concat acknowledged (map :operation (filter (comp terminal? :state) statuses))))
     ; Where a client was told that it had begun.
     :existed-at      (earliest (concat acknowledged (map :operation (filter (comp some? :state) statuses))))
     ; Every answer that says how it ended.
     :endings         endings
     ; The first answer to `transfer`, or else to a replay.
     :first-answer    (some (fn [by]
                              (when-let [answers (seq (filter #(= by (:by %)) endings))]
                                (apply min-key :operation (reverse answers))))
                            [:transfer :replay])
     :statuses        statuses}))

(defn- transfers-of
  "In the order in which they were first requested or mentioned."
  [ops]
  (mapv (fn [[id events]] (transfer id (map second events)))
        (h/group-in-order first (mapcat transfer-events ops))))

;; Accounts, in the same way

(defn- read?
  [{:keys [f]}]
  (or (= :settled f) (= :audit f)))

(defn- naming-events
  [{:keys [asked invocation]}]
  (for [name (accounts-of asked)] [name {:event :named, :at invocation}]))

(defn- account-events
  [{:keys [f asked answered type invocation operation] :as op}]
  (let [exists (fn [name] [name {:event :exists, :at operation}])]
    (case f
      :open           (cond-> [[(:account asked) {:event :opening, :balance (:balance asked)}]]
                        (ok? op) (conj (exists (:account answered))))
      :open-otherwise (when (ok? op) [(exists (:account answered))])
      :close          (case type
                        :info [[(:account asked) {:event :maybe-closed, :at invocation}]]
                        :ok   (let [name (:account answered)]
                                (cond-> [(exists name)]
                                  (:closed answered) (conj [name {:event :named, :at invocation}]
                                                           [name {:event :closed, :at operation}]
                                                           [name {:event :maybe-closed, :at invocation}])))
                        nil)
      (:settled
       :audit)        (when (ok? op) (map exists (:accounts answered)))
      nil)))

(defn- account
  [name events]
  (let [openings (distinct (map :balance (filter #(= :opening (:event %)) events)))
        since    (fn [kind] (earliest (map :at (filter #(= kind (:event %)) events))))]
    {:name               name
     ; From `open`. Unknown if there were different ones.
     :opening            (when (= 1 (count openings)) (first openings))
     ; Where it was first named; before that it did not exist.
     :first-named        (since :named)
     ; Where a client was told that it exists.
     :exists-since       (since :exists)
     ; Where a client was told that it is closed.
     :closed-since       (since :closed)
     ; From where on it may be closed.
     :maybe-closed-since (since :maybe-closed)}))

(defn- accounts-in
  [ops transfers]
  (mapv (fn [[name events]] (account name (map second events)))
        (h/group-in-order first
                          (concat (mapcat #(concat (naming-events %) (account-events %)) ops)
                                  ; A committed transfer found all of its accounts.
                                  (for [{:keys [endings legs]} transfers
                                        {:keys [outcome operation]} endings :when (= "committed" outcome)
                                        {:keys [account]} legs]
                                    [account {:event :exists, :at operation}])))))

(def ^:private nobodys
  "An account that was never named."
  {:opening nil, :first-named never, :exists-since never, :closed-since never, :maybe-closed-since never})

(defn account-in
  [run name]
  (get (:account-of run) name nobodys))

;; Everything else

(defn- accounts-read
  "An `audit` or `settled` that ended ok."
  [{:keys [answered] :as op}]
  (let [{:keys [accounts balances versions unfinished clean]} answered]
    (assoc (h/place op)
           :accounts accounts, :balances balances, :versions versions
           ; What unfinished transfers have taken but not given yet.
           :held (reduce + (map :held unfinished))
           :unfinished (mapv :request_id unfinished)
           ; Whether all accounts were read at one moment; nil if the client did not check that.
           :clean clean)))

(defn- settling
  "Whether everything had settled when the client asked; nil if unknown."
  [{:keys [type answered error-name error-detail] :as op}]
  (cond
    (= :ok type)
    (assoc (h/place op) :unfinished (mapv :request_id (:unfinished answered)))

    (and (= :fail type) (= "unfinished" error-name))
    (assoc (h/place op) :unfinished (vec error-detail))))

(defn- refusal
  "A definite error."
  [{:keys [f asked error-name] :as op}]
  (assoc (h/place op)
         :f f, :asked asked, :error error-name, :accounts (accounts-of asked)
         :well-formed (if (#{:transfer :transfer-otherwise} f) (well-formed? asked) true)))

(defn- told
  [f ops]
  (for [{:keys [answered] :as op} (by-f ops f) :when (ok? op)]
    (merge (h/place op) answered)))

(defn run-record
  [history]
  (let [ops       (mapv #(update % :asked (fnil identity {})) (h/operations history))
        transfers (transfers-of ops)
        accounts  (accounts-in ops transfers)]
    {:accounts       accounts
     :account-of     (into {} (map (juxt :name identity)) accounts)
     ; All accounts known to exist.
     :existing       (filterv #(not= never (:exists-since %)) accounts)
     :transfers      transfers
     :transfer-of    (into {} (map (juxt :request-id identity)) transfers)
     :attempts       (vec (for [{:keys [type asked error-name] :as op} (by-f ops :transfer)]
                            (assoc (h/place op) :request-id (:request_id asked "")
                                   :well-formed (well-formed? asked) :ok (ok? op)
                                   ; Refused because an account does not exist.
                                   :unknown-account (and (= :fail type) (= "key-does-not-exist" error-name)))))
     ; Requests for a different transfer under a used request id. :refused is true, false, or nil if unknown.
     :other-bodies   (vec (for [{:keys [asked answered] :as op} (by-f ops :transfer-otherwise)]
                            (assoc (h/place op) :request-id (:request_id asked "")
                                   :refused (when (ok? op) (:refused answered)))))
     :other-openings (told :open-otherwise ops)
     :closes         (told :close ops)
     :reads          (mapv accounts-read (filter #(and (read? %) (ok? %)) ops))
     :settlings      (vec (keep settling (by-f ops :settled)))
     :status-parts   (told :statuses ops)
     :replays        (mapv :invocation (by-f ops :replay))
     :refusals       (vec (for [op ops
                                :when (and (= :fail (:type op))
                                           (not (and (= :settled (:f op)) (= "unfinished" (:error-name op)))))]
                            (refusal op)))}))
