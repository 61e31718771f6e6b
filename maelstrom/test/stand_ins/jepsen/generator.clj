(ns jepsen.generator
  "A stand-in: the generators that snowstorm.jepsen uses, as data that tests can read. The real ones make operations
  from them."
  (:refer-clojure :exclude [delay repeat]))

(defn phases
  [& generators]
  {:phases (vec generators)})

(defn on-threads
  [f gen]
  {:on-threads f, :gen gen})

(defn time-limit
  [dt gen]
  {:time-limit dt, :gen gen})

(defn until-ok
  [gen]
  {:until-ok gen})

(defn delay
  [dt gen]
  {:delay dt, :gen gen})

(defn repeat
  ([gen]
   {:repeat gen})
  ([limit gen]
   {:repeat gen, :limit limit}))
