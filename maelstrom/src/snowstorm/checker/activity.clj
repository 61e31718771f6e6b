(ns snowstorm.checker.activity
  "Whether a run had new work until its end. A sold-out service answers every request, and its mistakes no longer show.
  So a run without new work in the last third of its time, although much was answered, proves little: its validity is
  unknown."
  (:require [snowstorm.checker.history :as h]))

(def ^:private ok-count-min
  "With fewer :ok operations in the last third, the run shows nothing: it was short, or everything was broken."
  20)

(defn- add
  "Counts an operation that ended :ok."
  [work-of last-third {:keys [known] :as counts} {:keys [time] :as op}]
  (let [work  (work-of op)
        added (if (and work (not (contains? known work))) 1 0)
        late? (>= time last-third)]
    (cond-> (update counts :work-count + added)
      ; `true` is new every time.
      (and work (not (true? work))) (update :known conj work)
      late?                         (-> (update :last-third-count + added) (update :last-third-ok-count inc)))))

(defn activity
  "How much new work the operations of a history did.

    work-of   of an operation that ended :ok: nil if it did no work; true if it did new work; or a name of its work, which
              is new the first time
    end       in ns: later operations do not count; nil if all count"
  [work-of end history]
  (let [ops        (filter #(and (h/client? %) (or (nil? end) (< (:time %) end))) history)
        times      (map :time ops)
        first-time (reduce min Long/MAX_VALUE times)
        last-time  (reduce max 0 times)
        last-third (- last-time (/ (- last-time first-time) 3))
        {:keys [work-count last-third-count last-third-ok-count]}
        (reduce (partial add work-of last-third)
                {:work-count 0, :last-third-count 0, :last-third-ok-count 0, :known #{}}
                (filter #(= :ok (:type %)) ops))
        idle?      (and (zero? last-third-count) (>= last-third-ok-count ok-count-min))]
    (cond-> {:valid?              (if idle? :unknown true)
             :work-count          work-count
             :last-third-count    last-third-count
             :last-third-fraction (if (zero? work-count) 0.0 (double (/ last-third-count work-count)))}
      idle? (assoc :error (str "the workload was idle: none of the " (format "%,d" last-third-ok-count)
                               " operations that succeeded in the last third of the run did new work")))))

(defn with-activity
  "The result of a workload's checker, with its activity. What was valid is of unknown validity where there was none."
  [result {:keys [valid? error] :as activity}]
  (cond-> (assoc result :activity activity)
    (and (true? (:valid? result)) (not (true? valid?))) (assoc :valid? valid?, :error error)))
