(ns snowstorm.checker.history
  "A history as the checkers read it: client operations with their completions, and their places.

  A place is an index into the history, and places are real time: an operation is before another one if its completion
  is before the other one's invocation. A history here is a sequence of maps with :type, :process, :f, :value, :error
  and :time, which is what Jepsen's are; nothing else of Jepsen is needed, so the checkers can be tested without it.")

(def never
  "The place of an event that did not happen."
  Long/MAX_VALUE)

(defn before?
  "Whether one completed operation ended before another one began."
  [one other]
  (< (:operation one) (:invocation other)))

(defn client?
  "Whether a client wrote this, and not the nemesis."
  [op]
  (integer? (:process op)))

(defn error-name
  "The name of the error with which an operation ended, as text; nil if there is none."
  [op]
  (let [error (:error op)
        error (if (sequential? error) (first error) error)]
    (when (some? error) (if (keyword? error) (name error) error))))

(defn error-detail
  "The detail beside the name of an error."
  [op]
  (let [error (:error op)]
    (when (sequential? error) (second error))))

(defn operations
  "The operations of all clients, in the order of their invocations:

    :f :process :asked (the value of the invocation) :invocation (its place)
    :type (:info where the run was cut off) :operation (the place of the completion; nil where the run was cut off)
    :answered (its value) :error-name :error-detail

  A process does one operation at a time. A history in which a process overlaps itself is not from a working harness
  and cannot be judged. This throws, and Jepsen makes it :unknown."
  [history]
  (loop [index 0, ops (seq history), open (transient {}), found (transient [])]
    (if (nil? ops)
      (persistent! found)
      (let [op      (first ops)
            process (:process op)
            place   (get open process)]
        (cond
          (not (client? op))
          (recur (inc index) (next ops) open found)

          (= :invoke (:type op))
          (do (when place
                (throw (ex-info (str "process " process " invokes " index " while "
                                     (:invocation (get found place)) " is open") {:process process})))
              (recur (inc index) (next ops) (assoc! open process (count found))
                     (conj! found {:f (:f op), :process process, :asked (:value op), :invocation index
                                   :type :info, :operation nil})))

          (nil? place)
          (throw (ex-info (str "process " process " completes " index " without an invocation") {:process process}))

          :else
          (recur (inc index) (next ops) (dissoc! open process)
                 (assoc! found place
                         (assoc (get found place)
                                :type (:type op), :operation index, :answered (:value op)
                                :error-name (error-name op), :error-detail (error-detail op)))))))))

(defn place
  "The place of an operation, for facts derived from it."
  [op]
  (select-keys op [:invocation :operation]))

(defn group-in-order
  "As group-by, but pairs in the order in which their keys came first."
  [key-of items]
  (let [groups (group-by key-of items)]
    (mapv (fn [k] [k (get groups k)]) (distinct (map key-of items)))))

(defn count-below
  "How many of ascending numbers, a vector, are below a bound."
  [ascending bound]
  (loop [low 0, high (count ascending)]
    (if (< low high)
      (let [middle (quot (+ low high) 2)]
        (if (< (nth ascending middle) bound)
          (recur (inc middle) high)
          (recur low middle)))
      low)))

(defn last-where
  "The last item of a vector for which `pred` holds."
  [pred items]
  (loop [index (dec (count items))]
    (when-not (neg? index)
      (let [item (nth items index)]
        (if (pred item) item (recur (dec index)))))))

(defn first-where
  [pred items]
  (first (filter pred items)))
