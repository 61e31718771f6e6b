(ns snowstorm.checker.saga-windows
  "Availability without faults: from the start to the first fault, and from a while after each healing to the next
  fault. Requests that begin and end in such a window must be answered. The history shows what the nemesis does, but
  not the fates of single messages. So the caller must give their number; if it is unknown, nothing is demanded."
  (:require [clojure.string :as str]
            [snowstorm.checker.findings :refer [finding]]
            [snowstorm.checker.history :as h]))

(def ^:private nanoseconds-per-second 1000000000)

(def ^:private rest-nanoseconds
  "After the end of a fault, nothing is demanded for this long."
  (* 3 nanoseconds-per-second))

(def ^:private timeout-nanoseconds
  "How long a client waits for an answer."
  (* 5 nanoseconds-per-second))

(def ^:private judged-count-min 20)
(def ^:private ok-fraction-min 9/10)

(def ^:private judged-latency-ms-max
  "A transfer is fourteen messages in a row, more where others want its accounts, and its client waits 5 s. With 60 ms
  one in forty is late, with 100 ms one in eight."
  50)

(defn- change-of
  "1 where a fault begins, -1 where one ends. Every step is in the history twice. For a begin, the announcement has no
  value or a name, and the second entry has the nodes that were hit. For an end, the announcement has no value, and the
  second entry has a name."
  [{:keys [f value]}]
  (let [f (name f)]
    (cond
      (or (#{"kill" "pause"} f) (str/starts-with? f "start-"))
      (if (coll? value) 1 0)

      ; Clocks set back while a node is down stay set back for the rest of the run.
      (and (or (#{"start" "resume"} f) (and (str/starts-with? f "stop-") (not= "stop-clock-restart" f)))
           (some? value))
      -1

      :else
      0)))

(defn- kind-of
  "The kind of a fault, the same for its begin and end."
  [{:keys [f]}]
  (case (name f)
    ("kill" "start")   "kill"
    ("pause" "resume") "pause"
    (str/replace-first (name f) #"^(start|stop)-" "")))

(defn- quiet-windows
  "The windows without faults, in order. At the end Maelstrom heals everything, even without a fault; that ends no
  window."
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
        ; After the last operation, so that it is within the window.
        end (if (empty? history) 0 (inc (:time (peek history))))]
    (cond-> windows
      (and (empty? counts) (> end begin)) (conj {:begin begin, :end end}))))

(defn- judged-attempts
  "The attempts that began and ended within one window."
  [history attempts]
  (loop [windows (quiet-windows history), [{:keys [invocation operation well-formed unknown-account] :as attempt} & more :as all] attempts
         judged []]
    (if (or (empty? all) (empty? windows))
      judged
      (let [begin  (:time (nth history invocation))
            end    (if operation (:time (nth history operation)) (+ begin timeout-nanoseconds))
            window (first windows)]
        (if (< (:end window) begin)
          (recur (rest windows) all judged)
          (recur windows more
                 (if (and well-formed (not unknown-account) (>= begin (:begin window)) (< end (:end window)))
                   (conj judged attempt)
                   judged)))))))

(defn availability
  "The findings and facts: how many transfers were answered, how many were not, and whether that was judged.

    test   {:hit-message-count n, how many messages had a fault of their own, which no history shows; nil: unknown
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
