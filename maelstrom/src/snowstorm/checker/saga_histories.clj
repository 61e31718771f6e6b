(ns snowstorm.checker.saga-histories
  "The rules for the histories of transfers. First come the compensable steps, then the pivot, then steps that are
  retried until they succeed. A transfer that does not reach the pivot is compensated from its last compensable step
  down to its first, each once, whether it was carried out or not."
  (:require [clojure.string :as str]
            [snowstorm.checker.findings :refer [finding]]
            [snowstorm.checker.history :as h]
            [snowstorm.checker.saga-record :refer [terminal?]]))

(defn- in-words
  [history]
  (str/join ", " (map (fn [{:keys [state at]}] (str state " at " at)) history)))

(defn- step-problem
  [before {:keys [state at]} leg-count]
  (let [follows "a transfer came into a state that cannot follow"
        from    (:state before)]
    (if (nil? before)
      ; A transfer that was fenced before it began is aborted, and has no other state.
      (when-not (and (#{"running" "aborted"} state) (= 0 at))
        "a history does not begin at the beginning")
      (if (terminal? from)
        "a transfer went on after it had ended"
        (case state
          "committing"   (when-not (and (= "running" from) (= 1 at)) follows)
          "committed"    (when-not (and (= "committing" from) (= 0 at)) follows)
          "aborted"      (cond
                           (not (and (= "compensating" from) (= 0 at))) follows
                           (not= 0 (:at before)) "a transfer was aborted before all of it was compensated")
          "compensating" (case from
                           "compensating" (when (not= at (dec (:at before)))
                                            "compensation did not descend step by step")
                           "running"      (when-not (or (zero? leg-count) (= at (dec leg-count)))
                                            "compensation did not begin at the last step")
                           follows)
          follows)))))

(defn- breach
  "The first problem of a history so far, and its index in the history. No legs: their number is unknown."
  [history leg-count]
  (loop [index 0, before nil, pivoted false, [{:keys [state] :as transition} & more :as all] history]
    (when (seq all)
      (if (and pivoted (= "compensating" state))
        ["a transfer was compensated after the pivot" index]
        (if-let [problem (step-problem before transition leg-count)]
          [problem index]
          (recur (inc index) transition (or pivoted (contains? #{"committing" "committed"} state)) more))))))

(defn- different-histories
  "All histories told, except those that are a prefix of another one, and the findings where they contradict each
  other."
  [{:keys [request-id statuses]}]
  (loop [[{:keys [state history operation]} & more :as all] (filter (comp some? :state) statuses)
         longest nil, others [], found []]
    (if (empty? all)
      {:histories (if longest (into [longest] others) others), :found found}
      (let [found     (if (= state (:state (peek history)))
                        found
                        (conj found (finding :compensates-in-order
                                             "a history ends in another state than the one told"
                                             {:request_id request-id, :state state, :last (:state (peek history))
                                              :operation operation})))
            names     (mapv (juxt :state :at :node :time) history)
            known     (:names longest [])
            differing (first (keep-indexed (fn [index [one other]] (when (not= one other) index))
                                           (map vector names known)))]
        (cond
          differing
          (recur more longest (conj others {:history history, :operation operation})
                 (conj found (finding :compensates-in-order "two histories of one transfer contradict each other"
                                      {:request_id request-id, :at differing
                                       :histories [(subvec known differing) (subvec names differing)]
                                       :operations [(:operation longest) operation]})))

          (or (nil? longest) (> (count names) (count known)))
          (recur more {:history history, :operation operation, :names names} others found)

          :else
          (recur more longest others found))))))

(defn- mixed?
  [{:keys [state history]}]
  (case state
    "committed" (some #(= "compensating" (:state %)) history)
    "aborted"   (some #(= "committing" (:state %)) history)
    false))

(defn history-findings
  [{:keys [transfers]}]
  (mapcat (fn [{:keys [request-id legs statuses] :as transfer}]
            (let [{:keys [histories found]} (different-histories transfer)]
              (concat
                found
                (for [{:keys [history operation]} histories
                      :let  [[problem index] (breach history (count legs))]
                      :when problem]
                  (finding :compensates-in-order problem
                           {:request_id request-id, :history (in-words history), :index index, :operation operation}))
                (when-let [{:keys [state history operation]} (h/first-where mixed? statuses)]
                  [(finding :all-or-nothing
                            (if (= "committed" state)
                              "a committed transfer was compensated"
                              "an aborted transfer was committing")
                            {:request_id request-id, :history (in-words history), :operation operation})]))))
          transfers))
