(ns snowstorm.main
  "Maelstrom with three workloads more: `voucher`, `saga` and `ids`. Everything else is as it was.

      java -cp maelstrom.jar:maelstrom/src clojure.main -m snowstorm.main test -w voucher --bin …

  Maelstrom finds workloads by name in a map that stands in a var, and keeps the same map for the check of its option -w; both
  are changed before it starts, so no jar has to be."
  (:require [jepsen.cli :as cli]
            [maelstrom.core :as core]
            [snowstorm.ids :as ids]
            [snowstorm.saga :as saga]
            [snowstorm.voucher :as voucher]))

(def workloads
  {:ids     ids/workload
   :saga    saga/workload
   :voucher voucher/workload})

(def opt-spec
  "Options that Maelstrom has not."
  [[nil "--unseen-faults" "Things are broken of which the history tells nothing, for instance by --bin bin/chaos. So nothing is demanded of times in which nothing seems to be broken."
    :default false]])

(defn- workload-option?
  [[_short long]]
  (= "--workload NAME" long))

(defn- with-workloads
  "The option -w with names that are checked against a map of workloads."
  [workloads [short long description & settings]]
  (into [short long description]
        (mapcat identity (assoc (apply hash-map settings) :validate [workloads (cli/one-of workloads)]))))

(defn add-workloads!
  "May be called again: what is there stays there once."
  []
  (alter-var-root #'core/workloads merge workloads)
  (when-not (some workload-option? core/test-opt-spec)
    (throw (ex-info "This Maelstrom has no option --workload NAME where it is looked for." {:spec core/test-opt-spec})))
  (alter-var-root #'core/test-opt-spec
                  (partial mapv #(if (workload-option? %) (with-workloads core/workloads %) %)))
  (alter-var-root #'core/opt-spec
                  (fn [specs] (into (vec (remove (set opt-spec) specs)) opt-spec))))

(defn -main
  [& arguments]
  (add-workloads!)
  (apply core/-main arguments))
