(ns snowstorm.check-histories
  "Gives the verdicts of the checkers on histories in files, without Maelstrom and without Jepsen:

      java -cp clojure.jar:maelstrom/src:maelstrom/test clojure.main -m snowstorm.check-histories FILE|FOLDER …

  Prints one line of JSON for each file: its name, the verdict, how often each rule is broken, and the counts.
  histories/README.md describes the files and what else judges them."
  (:require [clojure.java.io :as io]
            [clojure.string :as str]
            [snowstorm.checker.ids :as ids]
            [snowstorm.checker.saga :as saga]
            [snowstorm.checker.voucher :as voucher]
            [snowstorm.support.json :as json])
  (:import (java.io File)))

(def checkers
  {"ids"     {:rules ids/rules, :check ids/check}
   "saga"    {:rules saga/rules, :check saga/check}
   "voucher" {:rules voucher/rules, :check voucher/check}})

(def ^:private nanoseconds-per-millisecond 1000000)

(defn- operation
  "An operation of a file, in Jepsen's form. Without a time, it is a millisecond after the one before it."
  [index {:keys [type process f time] :as op}]
  (assoc op
         :type    (keyword type)
         :process (if (= "nemesis" process) :nemesis process)
         :f       (keyword f)
         :time    (or time (* nanoseconds-per-millisecond index))))

(defn- test-of
  [{:keys [nodes concurrency hitMessageCount latencyMeanMs]}]
  {:nodes             nodes
   :concurrency       concurrency
   :hit-message-count hitMessageCount
   :latency-mean-ms   latencyMeanMs})

(defn judge
  "The verdict on a history from a file. A history that cannot be judged is :unknown, as in Jepsen."
  [{:keys [workload test history]}]
  (let [{:keys [rules check]} (checkers workload)
        history               (vec (map-indexed operation history))
        result                (try (check (test-of test) history)
                                   (catch clojure.lang.ExceptionInfo e
                                     {:valid? :unknown, :error (ex-message e)}))]
    {:valid? (:valid? result)
     :error  (:error result)
     :broken (into {} (for [rule  rules
                            :let  [{:keys [count]} (result rule)]
                            :when (and count (pos? count))]
                        [rule {:count count}]))
     :counts (into {} (filter (comp number? val)) result)}))

(defn- json-text
  [text]
  (str \" (str/replace text #"[\\\"]" "\\\\$0") \"))

(defn- write-json
  [value]
  (cond
    (map? value)        (str "{" (str/join "," (map (fn [[k v]] (str (json-text (name k)) ":" (write-json v))) value)) "}")
    (sequential? value) (str "[" (str/join "," (map write-json value)) "]")
    (string? value)     (json-text value)
    (keyword? value)    (json-text (name value))
    (nil? value)        "null"
    :else               (str value)))

(defn- files-in
  [path]
  (->> (file-seq (io/file path))
       (filter (fn [^File file] (str/ends-with? (.getName file) ".json")))
       (sort-by #(.getName ^File %))))

(defn -main
  [& paths]
  (doseq [^File file (mapcat files-in paths)]
    (println (write-json (assoc (judge (json/parse (slurp file))) :file (.getName file)))))
  (shutdown-agents))
