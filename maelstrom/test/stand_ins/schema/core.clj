(ns schema.core
  "A stand-in: the schemas with which our messages are declared, and a check of values against them.")

(defrecord Eq [value])
(defrecord OneOf [values])
(defrecord Predicate [name holds?])
(defrecord OptionalKey [k])
(defrecord RequiredKey [k])

(defn eq [value] (->Eq value))
(defn enum [& values] (->OneOf (set values)))
(defn optional-key [k] (->OptionalKey k))
(defn required-key [k] (->RequiredKey k))

(def Int (->Predicate 'Int integer?))
(def Str (->Predicate 'Str string?))
(def Keyword (->Predicate 'Keyword keyword?))
(def Any (->Predicate 'Any (constantly true)))

(declare problem)

(defn- bare-key
  [k]
  (if (or (instance? OptionalKey k) (instance? RequiredKey k)) (:k k) k))

(defn- map-problem
  [schema value]
  (let [any-key?  (contains? schema Keyword)
        declared  (dissoc schema Keyword)
        by-key    (into {} (for [[k inner] declared] [(bare-key k) inner]))
        required  (for [k (keys declared) :when (not (instance? OptionalKey k))] (bare-key k))
        missing   (first (remove #(contains? value %) required))
        superfluous (when-not any-key? (first (remove #(contains? by-key %) (keys value))))]
    (cond
      missing     (str missing " is missing")
      superfluous (str superfluous " is not declared")
      :else       (some (fn [[k item]]
                          (when-let [found (and (contains? by-key k) (problem (by-key k) item))]
                            (str k ": " found)))
                        value))))

(defn problem
  "Why a value is not as declared; nil if it is."
  [schema value]
  (cond
    (instance? Eq schema)        (when-not (= (:value schema) value) (str (pr-str value) " is not " (:value schema)))
    (instance? OneOf schema)      (when-not ((:values schema) value) (str (pr-str value) " is none of " (:values schema)))
    (instance? Predicate schema) (when-not ((:holds? schema) value) (str (pr-str value) " is no " (:name schema)))
    (vector? schema)             (if (sequential? value)
                                   (some #(problem (first schema) %) value)
                                   (str (pr-str value) " is no list"))
    (map? schema)                (if (map? value) (map-problem schema value) (str (pr-str value) " is no object"))
    :else                        (str "unknown schema " (pr-str schema))))
