(ns maelstrom.core
  "A stand-in: the vars that snowstorm.main changes, in their real form, and a main that returns its arguments."
  (:refer-clojure :exclude [test]))

(def workloads
  {:echo (fn [_opts] {}), :lin-kv (fn [_opts] {})})

(def test-opt-spec
  [[nil "--bin FILE" "Path to binary which runs a node"
    :missing "Expected a --bin PATH_TO_BINARY to test"]

   ["-w" "--workload NAME" "What workload to run."
    :default  :lin-kv
    :parse-fn keyword
    :validate [workloads "Must be one of echo, lin-kv"]]])

(def opt-spec
  [[nil "--rate RATE" "Approximate number of request/sec" :default 5]])

(defn -main
  [& arguments]
  {:arguments arguments, :workloads workloads, :spec (concat test-opt-spec opt-spec)})
