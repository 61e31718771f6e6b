(ns snowstorm.checker.saga-outcomes
  "The rules for the outcomes that clients were told. A request that ended in :info may have moved money or not; its
  other answers and its statuses say which."
  (:require [snowstorm.checker.findings :refer [finding]]
            [snowstorm.checker.history :as h :refer [before? never]]
            [snowstorm.checker.saga-final :as f]
            [snowstorm.checker.saga-record :refer [account-in terminal?]]))

(defn- words
  "An ending, for a finding."
  [{:keys [outcome reason]}]
  (if (nil? reason) outcome (str outcome ": " reason)))

(defn- judge-settling
  [run {:keys [settling] :as final}]
  [(when-let [restless (f/restless run final)]
     (finding :settles "accounts changed still when everything had settled" {:operation (:operation restless)}))
   (when (seq (:unfinished settling))
     (finding :settles "transfers were unfinished still when replays began" (dissoc settling :invocation)))])

(defn- judge-kept
  "Against the final status."
  [final {:keys [request-id first-asked failed-always acknowledged-at statuses endings] :as transfer}]
  (let [unasked                   (h/first-where #(and (some? (:state %)) (< (:operation %) first-asked)) statuses)
        {:keys [state operation]
         :as   status}            (f/status-of final transfer)
        other                     (when (terminal? state)
                                    (h/first-where #(and (= :transfer (:by %)) (not= state (:outcome %))) endings))]
    [(when unasked
       (finding :acknowledged-is-kept "a transfer is known that was not requested"
                {:request_id request-id, :state (:state unasked), :operation (:operation unasked)}))
     (when (and status (nil? state) (not= never acknowledged-at))
       (finding :acknowledged-is-kept "an acknowledged transfer is not known in the end"
                {:request_id request-id, :operations [acknowledged-at operation]}))
     (when (and (= "committed" state) failed-always (< first-asked operation))
       (finding :acknowledged-is-kept "a transfer was committed that had only been refused"
                {:request_id request-id, :operation operation}))
     (when other
       (finding :acknowledged-is-kept
                (str "a transfer was answered " (:outcome other) " and is " state " in the end")
                {:request_id request-id, :operations [(:operation other) operation]}))]))

(defn- judge-stuck
  [final {:keys [request-id statuses] :as transfer}]
  (when-let [{:keys [state operation]} (h/first-where #(f/stuck? final transfer %) statuses)]
    [(finding :settles "a transfer was under way still in the end"
              {:request_id request-id, :state state, :operation operation})]))

(defn- judge-outcomes
  [{:keys [request-id endings]}]
  (let [different (sort-by :operation (map #(apply min-key :operation (val %)) (group-by words endings)))]
    (when (next different)
      [(finding :one-outcome
                (if (apply = (map :outcome different))
                  "a transfer was told to have two reasons"
                  "a transfer was told to have ended in two ways")
                {:request_id request-id, :told (mapv words different), :operations (mapv :operation different)})])))

(defn- judge-repeats
  "Replays and statuses, against what was answered before."
  [{:keys [request-id first-answer endings]}]
  (when first-answer
    (for [{:keys [by operation] :as ending} endings
          :when (and (not= :transfer by)
                     (before? first-answer ending)
                     (not= (words first-answer) (words ending)))]
      (finding :answers-agree
               (if (= :replay by) "a replay was answered otherwise" "a status says otherwise than was answered")
               {:request_id request-id, :told [(words first-answer) (words ending)]
                :operations [(:operation first-answer) operation]}))))

(defn- judge-statuses
  [{:keys [request-id statuses acknowledged-at ended-at existed-at]}]
  (for [{:keys [state invocation operation]} statuses
        :when (not (terminal? state))
        :let  [[problem since]
               (cond
                 (< acknowledged-at invocation)
                 ["a status does not show what was acknowledged before" acknowledged-at]

                 (< ended-at invocation)
                 ["a transfer had ended before and a status does not show it" ended-at]

                 (and (nil? state) (< existed-at invocation))
                 ["a transfer was known before and a status does not know it" existed-at])]
        :when problem]
    (finding :reads-are-current problem {:request_id request-id, :state state, :operations [since operation]})))

(def ^:private contradictions
  "Errors that contradict a transfer that was carried out."
  #{"key-does-not-exist" "precondition-failed"})

(defn- judge-repeated-refusal
  [run {:keys [f asked error accounts well-formed operation]}]
  (cond
    (and (= :replay f) (contradictions error))
    (finding :answers-agree "a replay was refused" {:asked asked, :refusal error, :operation operation})

    ; This refusal is of the original. The client may have opened an account first, which is refused if it was closed
    ; meanwhile.
    (and (#{:transfer :transfer-otherwise} f) (= "precondition-failed" error) well-formed
         (not-any? #(< (:maybe-closed-since (account-in run %)) operation) accounts))
    (finding :refuses-another-body "a transfer was refused as another one" {:asked asked, :operation operation})))

(defn outcome-findings
  [{:keys [transfers refusals other-bodies] :as run} final]
  (concat (judge-settling run final)
          (mapcat (fn [transfer]
                    (concat (judge-kept final transfer)
                            (judge-stuck final transfer)
                            (judge-outcomes transfer)
                            (judge-repeats transfer)
                            (judge-statuses transfer)))
                  transfers)
          (map #(judge-repeated-refusal run %) refusals)
          (for [{:keys [request-id refused operation]} other-bodies :when (false? refused)]
            (finding :refuses-another-body "a request id was accepted for another transfer"
                     {:request_id request-id, :operation operation}))))
