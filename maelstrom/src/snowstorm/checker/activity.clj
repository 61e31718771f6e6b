(ns snowstorm.checker.activity
  "Whether a run had new work until its end. A sold-out service answers every request, and its mistakes no longer show.
  A service that stops answering in peace breaks no other rule. So a run without new work in the last third of its time,
  although much was answered, or without any success there, proves little: its validity is unknown."
  (:require [snowstorm.checker.history :as h])
  (:import (java.util Locale)))

(def ^:private ok-count-min
  "With fewer :ok operations, in the last third or before it, the run was short, or everything was broken."
  20)

(defn- add
  "Counts an operation that ended :ok."
  [work-of last-third {:keys [known] :as counts} {:keys [time] :as op}]
  (let [work  (work-of op)
        added (if (and work (not (contains? known work))) 1 0)
        late? (>= time last-third)]
    (cond-> (-> counts (update :work-count + added) (assoc :last-ok-time time))
      ; `true` is new every time.
      (and work (not (true? work))) (update :known conj work)
      late?                         (-> (update :last-third-count + added) (update :last-third-ok-count inc))
      (not late?)                   (update :earlier-ok-count inc))))

(defn- english
  "The figures of every locale are written alike."
  [form & args]
  (String/format Locale/US form (to-array args)))

(defn- asked?
  "Whether an operation was begun in the last third, or was still without an answer then."
  [last-third ops]
  (let [before (filter #(< (:time %) last-third) ops)
        count-of (fn [pred] (count (filter #(pred (:type %)) before)))]
    (boolean (or (some #(and (= :invoke (:type %)) (>= (:time %) last-third)) ops)
                 (> (count-of #{:invoke}) (count-of (complement #{:invoke})))))))

(defn activity
  "How much new work the operations of a history did.

    work-of   of an operation that ended :ok: nil if it did no work; true if it did new work; or a name of its work, which
              is new the first time
    end       in ns, when operations were no longer begun: later ones do not count; nil if all count
    faulty?   whether faults may have been injected: they may last for a third of the run"
  [work-of end faulty? history]
  (let [clients    (filter h/client? history)
        ops        (filter #(or (nil? end) (< (:time %) end)) clients)
        end        (or end (reduce max 0 (map :time ops)))
        last-third (* 2/3 end)
        {:keys [work-count last-third-count last-third-ok-count earlier-ok-count last-ok-time]}
        (reduce (partial add work-of last-third)
                {:work-count 0, :last-third-count 0, :last-third-ok-count 0, :earlier-ok-count 0, :known #{}}
                (filter #(= :ok (:type %)) ops))
        ; Late answers and those to final questions show that the service lives.
        answered?  (some #(and (= :ok (:type %)) (>= (:time %) last-third)) clients)
        error      (cond
                     (and (not faulty?) (not answered?) (>= earlier-ok-count ok-count-min) (asked? last-third ops))
                     (english "no operation succeeded in the last third of the run; the last one succeeded at %.1f s"
                              (/ last-ok-time 1e9))

                     (and (zero? last-third-count) (>= last-third-ok-count ok-count-min))
                     (english "the workload was idle: none of the %,d operations that succeeded in the last third of the run did new work"
                              last-third-ok-count))]
    (cond-> {:valid?              (if error :unknown true)
             :work-count          work-count
             :last-third-count    last-third-count
             :last-third-fraction (if (zero? work-count) 0.0 (double (/ last-third-count work-count)))}
      error (assoc :error error))))

(defn with-activity
  "The result of a workload's checker, with its activity. What was valid is of unknown validity where there was none."
  [result {:keys [valid? error] :as activity}]
  (cond-> (assoc result :activity activity)
    (and (true? (:valid? result)) (not (true? valid?))) (assoc :valid? valid?, :error error)))
