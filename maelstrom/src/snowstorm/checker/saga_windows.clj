(ns snowstorm.checker.saga-windows
  "Availability while nothing is broken: from the start to the first fault, and again from when everything has been healed for
  a while to the next one. What begins and ends in such a time must be answered. What the nemesis does is in the history; what
  becomes of single messages is not, so whoever knows that must say it, and where nobody does nothing is demanded."
  (:require [clojure.string :as str]
            [snowstorm.checker.findings :refer [finding]]
            [snowstorm.checker.history :as h]))

(def ^:private nanoseconds-per-second 1000000000)

(def ^:private rest-nanoseconds
  "From the end of a fault on this is how long nothing is demanded."
  (* 3 nanoseconds-per-second))

(def ^:private timeout-nanoseconds
  "As long as a client waits for an answer."
  (* 5 nanoseconds-per-second))

(def ^:private judged-count-min 20)
(def ^:private ok-fraction-min 9/10)

(def ^:private judged-latency-ms-max
  "A transfer is fourteen messages one after the other, and its client waits 5 s."
  100)

(defn- change-of
  "1 where a fault begins, -1 where one ends. Everything is written twice: what is announced has nothing for its value or a
  name, what was done the nodes that it hit; what is undone nothing at first, and then a name."
  [{:keys [f value]}]
  (let [f (name f)]
    (cond
      (or (#{"kill" "pause"} f) (str/starts-with? f "start-"))
      (if (coll? value) 1 0)

      ; Clocks that are set back while a node is down stay so for the rest of the run.
      (and (or (#{"start" "resume"} f) (and (str/starts-with? f "stop-") (not= "stop-clock-restart" f)))
           (some? value))
      -1

      :else
      0)))

(defn- kind-of
  "What a fault and its end have in common."
  [{:keys [f]}]
  (case (name f)
    ("kill" "start")   "kill"
    ("pause" "resume") "pause"
    (str/replace-first (name f) #"^(start|stop)-" "")))

(defn- quiet-windows
  "When nothing was broken, in order. In the end Maelstrom heals everything, also what is whole; that ends nothing."
  [history]
  (let [{:keys [windows counts begin]}
        (reduce (fn [{:keys [counts begin] :as state} {:keys [time] :as op}]
                  (let [kind    (kind-of op)
                        count'  (max 0 (+ (counts kind 0) (change-of op)))
                        counts' (if (zero? count') (dissoc counts kind) (assoc counts kind count'))]
                    (cond-> (assoc state :counts counts')
                      (and (empty? counts) (seq counts') (> time begin))
                      (update :windows conj {:begin begin, :end time})

                      (and (seq counts) (empty? counts'))
                      (assoc :begin (+ time rest-nanoseconds)))))
                {:windows [], :counts {}, :begin 0}
                (remove h/client? history))
        ; Beyond the last operation, so that this one is within.
        end (if (empty? history) 0 (inc (:time (peek history))))]
    (cond-> windows
      (and (empty? counts) (> end begin)) (conj {:begin begin, :end end}))))

(defn- judged-attempts
  "Those that began and ended while nothing was broken."
  [history attempts]
  (loop [windows (quiet-windows history), [{:keys [invocation operation well-formed] :as attempt} & more :as all] attempts
         judged []]
    (if (or (empty? all) (empty? windows))
      judged
      (let [begin  (:time (nth history invocation))
            end    (if operation (:time (nth history operation)) (+ begin timeout-nanoseconds))
            window (first windows)]
        (if (< (:end window) begin)
          (recur (rest windows) all judged)
          (recur windows more
                 (if (and well-formed (>= begin (:begin window)) (< end (:end window)))
                   (conj judged attempt)
                   judged)))))))

(defn availability
  "The findings, and what else is told: how many transfers were answered, how many were not, and whether that was judged.

    test   {:hit-message-count n, how many messages met a fault of their own, which no history shows; nil: nobody knows
            :latency-mean-ms n}"
  [{:keys [hit-message-count latency-mean-ms]} history attempts]
  (let [judged      (and (= 0 hit-message-count) (<= (or latency-mean-ms 0) judged-latency-ms-max))
        attempts    (judged-attempts history attempts)
        ok-count    (count (filter :ok attempts))
        other-count (- (count attempts) ok-count)]
    {:findings (when (and judged
                          (>= (count attempts) judged-count-min)
                          (< ok-count (* ok-fraction-min (count attempts))))
                 [(finding :serves-without-faults "too few transfers were answered while nothing was broken"
                           {:ok ok-count, :other other-count
                            :ok-fraction (double (/ ok-count (count attempts)))})])
     :facts    {:ok ok-count, :other other-count, :judged judged}}))
