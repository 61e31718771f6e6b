(ns snowstorm.checker.saga-final
  "What is final in a run: the reads after the last request for a transfer, and what they say. A request delayed by the
  network may still arrive after that, unless a client was told the outcome of its transfer. So for a transfer without
  any answer, only what the reads agree on is final."
  (:require [snowstorm.checker.history :as h :refer [before? never]]
            [snowstorm.checker.saga-record :refer [terminal?]]))

(defn- settled-between
  "The last settling without anything unfinished, after `begin`: the last request, or the last one before replays."
  [{:keys [settlings]} begin end]
  (h/last-where #(and (> (:invocation %) begin) (< (:operation %) end)) settlings))

(defn- all-parts?
  "Whether the statuses of all parts were read."
  [run last-asked]
  (let [told (group-by :parts (filter #(>= (:invocation %) last-asked) (:status-parts run)))]
    (boolean (some (fn [[parts of-parts]] (= parts (count (distinct (map :part of-parts))))) told))))

(defn- open?
  "Whether the outcome of a transfer cannot be known."
  [status {:keys [first-asked failed-always acknowledged-at]}]
  (not (or (= never first-asked)
           failed-always
           (not= never acknowledged-at)
           (terminal? (:state status)))))

(defn status-of
  "The final status of a transfer; nil if there is none."
  [final {:keys [request-id]}]
  (get (:statuses final) request-id))

(defn- distinct-accounts
  "The accounts known to exist that a read shows."
  [final {:keys [accounts]}]
  (keep (:existing-of final) (distinct accounts)))

(defn covers?
  "Whether a read shows all accounts that existed, except those closed, and so empty, before it began. A long run has
  many accounts, and a read names few of them, so the accounts are counted."
  [final {:keys [invocation operation] :as read}]
  (= (count (filter #(and (>= (:closed-since %) invocation) (<= (:first-named %) operation))
                    (distinct-accounts final read)))
     ; An account is named before it is closed, so each one closed before is among those named.
     (- (h/count-below (:first-named final) (inc operation))
        (h/count-below (:closed-since final) invocation))))

(defn closed-before
  "Accounts that a read need not show, because they were closed before it began, and does not show."
  [final {:keys [accounts invocation]}]
  (let [covered (set accounts)]
    (remove #(covered (:name %)) (subvec (:closed final) 0 (h/count-below (:closed-since final) invocation)))))

(defn opened-closed-before
  "What the accounts of `closed-before` were opened with, in all; nil if that is unknown of one of them."
  [final {:keys [invocation] :as read}]
  (let [shown         (map :opening (filter #(< (:closed-since %) invocation) (distinct-accounts final read)))
        [sum unknown] (nth (:closed-openings final) (h/count-below (:closed-since final) invocation))]
    (when (= unknown (count (filter nil? shown)))
      (- sum (reduce + (filter some? shown))))))

(defn settled-before?
  "Whether a client was told, after the last request and before this one, that nothing is unfinished."
  [final {:keys [invocation]}]
  (some? (settled-between final (:last-asked final) invocation)))

(defn snapshot?
  "Whether a read shows all accounts at one moment."
  [final {:keys [clean invocation] :as read}]
  (and (covers? final read)
       (if (some? clean)
         clean
         ; A single reading sees one moment only if no money moves.
         (and (> invocation (:last-asked final))
              (empty? (:open final))
              (settled-before? final read)))))

(defn after-all?
  "Whether a read came after everything had settled, and all outcomes are known."
  [final {:keys [invocation]}]
  (and (nil? (:untold final))
       (some? (settled-between final (:last-asked-before-replays final) invocation))))

(defn final-phase
  [{:keys [attempts replays other-bodies transfers transfer-of settlings reads existing] :as run}]
  (let [last-transfer (:invocation (peek attempts) -1)
        first-replay  (or (h/first-where #(> % last-transfer) replays) never)
        ; Without an acknowledged original, the client asks for the original first, and that requests a transfer.
        asked         (vec (for [{:keys [request-id invocation]} other-bodies
                                 :when (> (:acknowledged-at (transfer-of request-id)) invocation)]
                             invocation))
        last-asked    (max last-transfer (or (peek asked) -1))
        before        (max last-transfer (or (h/last-where #(< % first-replay) asked) -1))
        statuses      (into {} (for [{:keys [request-id statuses]} transfers
                                     :let  [status (h/last-where #(and (:of-all %) (> (:invocation %) last-asked))
                                                                 statuses)]
                                     :when status]
                                 [request-id status]))
        closed        (vec (sort-by :closed-since (filter #(not= never (:closed-since %)) existing)))
        final         {; The last request for a transfer. Earlier reads are not final.
                       :last-asked                last-asked
                       ; The same, before replays began.
                       :last-asked-before-replays before
                       ; Where replays begin after the last transfer.
                       :first-replay              first-replay
                       ; The settling after the last request and before the first replay: a replay would finish
                       ; abandoned work.
                       :settling                  (h/last-where #(and (> (:invocation %) before)
                                                                      (< (:operation %) first-replay))
                                                                settlings)
                       :has-statuses              (all-parts? run last-asked)
                       :statuses                  statuses
                       ; The first transfer that was requested and has no final status.
                       :untold                    (h/first-where #(and (not= never (:first-asked %))
                                                                       (not (statuses (:request-id %))))
                                                                 transfers)
                       ; Transfers whose outcome cannot be known.
                       :open                      (set (keep #(when (open? (statuses (:request-id %)) %) (:request-id %))
                                                             transfers))
                       ; Those without anything unfinished, after the last request before replays.
                       :settlings                 (filterv #(and (empty? (:unfinished %)) (> (:invocation %) before))
                                                           settlings)
                       ; By name, the accounts known to exist.
                       :existing-of               (into {} (map (juxt :name identity)) existing)
                       ; Where each of them was first named, ascending.
                       :first-named               (vec (sort (map :first-named existing)))
                       ; Those that were closed, in that order, and where.
                       :closed                    closed
                       :closed-since              (mapv :closed-since closed)
                       ; What the first n of them were opened with, and how many have no known opening balance.
                       :closed-openings           (vec (reductions (fn [[sum unknown] {:keys [opening]}]
                                                                     (if opening
                                                                       [(+ sum opening) unknown]
                                                                       [sum (inc unknown)]))
                                                                   [0 0]
                                                                   closed))}]
    ; Whether all accounts were read at one moment.
    (assoc final :has-read (boolean (some #(and (> (:invocation %) last-asked) (snapshot? final %)) reads)))))

(defn stuck?
  "Whether a status says that a transfer is unfinished when it must not be any more."
  [{:keys [last-asked last-asked-before-replays first-replay] :as final-phase} transfer {:keys [of-all state invocation operation]}]
  (let [final          (> invocation last-asked)
        before-replays (and (> invocation last-asked-before-replays) (< operation first-replay))]
    (and of-all
         (some? state)
         (not (terminal? state))
         (or final before-replays)
         ; It may have come after the settling only if no client knew of it before.
         (let [settled (settled-between final-phase (if final last-asked last-asked-before-replays) invocation)]
           (or (nil? settled)
               (< (:existed-at transfer) (:invocation settled)))))))

(defn restless
  "A read which shows that money still moved after everything had settled, without a transfer to move it."
  [run final]
  (let [read (h/last-where #(and (some? (:clean %)) (> (:invocation %) (:last-asked final)) (covers? final %))
                           (:reads run))]
    (when (and read
               (false? (:clean read))
               (empty? (:open final))
               (settled-before? final read))
      read)))

(defn effect-in
  "The effect of a transfer on the accounts of a read: :done (all of it), :nothing, or :unknown."
  [final read {:keys [request-id endings statuses] :as transfer}]
  (let [state (:state (status-of final transfer))]
    (cond
      (and (terminal? state)
           (some #(and (= state (:outcome %)) (before? % read)) endings))
      (if (= "committed" state) :done :nothing)

      ; A transfer is recorded before it changes an account.
      (or (some #(and (nil? (:state %)) (before? read %)) statuses)
          (and (nil? state) (not (contains? (:open final) request-id))))
      :nothing

      :else
      :unknown)))
