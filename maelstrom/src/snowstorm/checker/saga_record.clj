(ns snowstorm.checker.saga-record
  "What a history says of accounts and transfers, sorted for the rules. Whoever finds that nobody was told yet that an account
  exists opens it first, and such an opening shows in no history: so what an account was opened with is taken from
  wherever an `open` of it was asked, and that it exists is known from everything that only an existing account answers."
  (:require [snowstorm.checker.history :as h :refer [never]]))

(defn terminal?
  [state]
  (contains? #{"committed" "aborted"} state))

(defn legs-of
  "What the body of a transfer moves; nil if it does not say, or says it twice."
  [{:keys [legs from to amount]}]
  (cond
    (some? legs)                       (when (and (nil? from) (nil? to) (nil? amount)) legs)
    (or (nil? from) (nil? to)
        (nil? amount))                 nil
    :else                              [{:account from, :amount (- amount)} {:account to, :amount amount}]))

(defn well-formed?
  "Whether a body asks for something that can be done."
  [{:keys [amount] :as body}]
  (let [legs (legs-of body)]
    (boolean (and legs
                  (pos? (if (nil? amount) 1 amount))
                  (= (count legs) (count (distinct (map :account legs))))
                  (zero? (reduce + (map :amount legs)))
                  (every? #(not= 0 (:amount %)) legs)))))

(defn accounts-of
  "Those that a request names."
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

;; Transfers: each operation tells something of some of them, in order

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

      ; Whoever asks this may have to ask for the original first, and however that ends the original may have happened. If
      ; it was answered, the original was acknowledged to somebody before the other body was asked.
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
  "One transfer, however often and wherever it was asked: what it was to do, and everything that anybody was told of it."
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
     ; As it was asked first; none if nobody did, or nobody can tell from it what was to be moved.
     :legs            (vec (some-> (first asked) :body legs-of))
     :first-asked     (earliest (map :invocation asked))
     ; Whether nothing but definite errors came of it.
     :failed-always   (and (empty? acknowledged) (every? :failed asked))
     ; Since when it must be kept, because somebody was told its outcome.
     :acknowledged-at (earliest acknowledged)
     ; Since when somebody knew that it had ended.
     :ended-at        (earliest (concat acknowledged (map :operation (filter (comp terminal? :state) statuses))))
     ; Since when somebody knew that it had begun.
     :existed-at      (earliest (concat acknowledged (map :operation (filter (comp some? :state) statuses))))
     ; Each time that somebody was told how it ended.
     :endings         endings
     ; What was told first by `transfer`, or else by a replay.
     :first-answer    (some (fn [by]
                              (when-let [answers (seq (filter #(= by (:by %)) endings))]
                                (apply min-key :operation (reverse answers))))
                            [:transfer :replay])
     :statuses        statuses}))

(defn- transfers-of
  "In the order in which they were asked or told of first."
  [ops]
  (mapv (fn [[id events]] (transfer id (map second events)))
        (h/group-in-order first (mapcat transfer-events ops))))

;; Accounts: the same

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
                                  (:closed answered) (conj [name {:event :closed, :at operation}]
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
     ; As `open` asked for it. More than one: nobody knows which.
     :opening            (when (= 1 (count openings)) (first openings))
     ; Where it was named first; before that there was none.
     :first-named        (since :named)
     ; Since when somebody was told that it exists.
     :exists-since       (since :exists)
     ; Since when somebody was told that it is closed.
     :closed-since       (since :closed)
     ; Since when it may be closed.
     :maybe-closed-since (since :maybe-closed)}))

(defn- accounts-in
  [ops transfers]
  (mapv (fn [[name events]] (account name (map second events)))
        (h/group-in-order first
                          (concat (mapcat #(concat (naming-events %) (account-events %)) ops)
                                  ; A transfer that has committed found all of its accounts.
                                  (for [{:keys [endings legs]} transfers
                                        {:keys [outcome operation]} endings :when (= "committed" outcome)
                                        {:keys [account]} legs]
                                    [account {:event :exists, :at operation}])))))

(def ^:private nobodys
  "An account that was never spoken of."
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
           ; What unfinished transfers have taken and not given yet.
           :held (reduce + (map :held unfinished))
           :unfinished (mapv :request_id unfinished)
           ; Whether all accounts were seen as they were at one moment, as far as anybody asked; nil: nobody did.
           :clean clean)))

(defn- settling
  "Whether everything had settled when it was asked; nil: there was no telling."
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
     ; All that are known to exist.
     :existing       (filterv #(not= never (:exists-since %)) accounts)
     :transfers      transfers
     :transfer-of    (into {} (map (juxt :request-id identity)) transfers)
     :attempts       (vec (for [{:keys [asked] :as op} (by-f ops :transfer)]
                            (assoc (h/place op) :request-id (:request_id asked "")
                                   :well-formed (well-formed? asked) :ok (ok? op))))
     ; Transfers that were asked with the request id of another one. Refused, or not, or nobody knows.
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
