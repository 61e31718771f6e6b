(ns snowstorm.main
  "Maelstrom with three more workloads: `voucher`, `saga` and `ids`. Everything else stays the same.

      java -cp maelstrom.jar:maelstrom/src clojure.main -m snowstorm.main test -w voucher --bin …

  Maelstrom finds workloads by name in a map in a var, and checks its option -w against the same map. Both are changed
  before it starts, so no jar has to be changed."
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
  "Options that Maelstrom does not have."
  [[nil "--unseen-faults" "There are faults that the history does not show, e.g. with --bin bin/chaos. So no availability is demanded at times without visible faults."
    :default false]])

(defn- workload-option?
  [[_short long]]
  (= "--workload NAME" long))

(defn- with-workloads
  "The option -w, with names checked against a map of workloads."
  [workloads [short long description & settings]]
  (into [short long description]
        (mapcat identity (assoc (apply hash-map settings) :validate [workloads (cli/one-of workloads)]))))

(defn add-workloads!
  "May be called again, without adding anything twice."
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
