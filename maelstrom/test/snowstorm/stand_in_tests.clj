(ns snowstorm.stand-in-tests
  "The workloads as Maelstrom would run them, without Maelstrom. Stand-ins for the parts of Maelstrom and Jepsen that
  they use are in stand_ins/.

  The workloads draw from a seed, so that a failing run can be replayed:

      maelstrom/clojure -m snowstorm.stand-in-tests [SEED]"
  (:require [clojure.string :as str]
            [clojure.test :refer [deftest is run-tests testing use-fixtures]]
            [jepsen.checker :as checker]
            [jepsen.client :as client]
            [maelstrom.client :as c]
            [maelstrom.core :as core]
            [snowstorm.ids :as ids]
            [snowstorm.jepsen :as j]
            [snowstorm.main :as main]
            [snowstorm.saga :as saga]
            [snowstorm.support.services :as services]
            [snowstorm.voucher :as voucher])
  (:import (java.util ArrayList Collection Collections Locale Random)))

(def ^:dynamic *seed*
  "With 4, all final reads of transfers were lost, until each was retried separately."
  4)

(defn- with-seed
  "Every test draws anew from the seed, independent of the tests before it."
  [test]
  (let [random (Random. *seed*)]
    (with-redefs [rand     (fn [n] (* n (.nextDouble random)))
                  rand-int (fn [n] (.nextInt random (int n)))
                  shuffle  (fn [items]
                             (let [shuffled (ArrayList. ^Collection items)]
                               (Collections/shuffle shuffled random)
                               (vec shuffled)))]
      (test))))

(use-fixtures :each with-seed)

(def nodes ["n0" "n1" "n2"])
(def facts {:nodes nodes, :concurrency 3, :latency {:mean 0, :dist :constant}})

;; Runs, one operation after the other

(defn- operations-of
  "The operations of a generator. Our generators are maps, functions and lists of them. A function goes on for ever."
  [gen]
  (lazy-seq
    (cond
      (map? gen)        (list gen)
      (fn? gen)         (concat (operations-of (gen)) (operations-of gen))
      (sequential? gen) (mapcat operations-of gen))))

(defn- question-of
  "A final question with its worker."
  [{:keys [on-threads gen]}]
  (let [question (-> gen :gen :until-ok :gen :repeat)]
    (is (pos? (:time-limit gen)))
    (is (= 1 (count on-threads)))
    [(first on-threads) question]))

(defn- run
  "A history of a workload against a service: `operation-count` operations, then the final questions. A worker takes a
  new process number after an operation of unknown outcome."
  [workload service operation-count]
  (let [{gen :generator, final :final-generator, :keys [client]} (workload (assoc facts :net service))
        clients   (mapv #(client/open! client facts %) nodes)
        history   (atom [])
        processes (atom [0 1 2])
        invoke    (fn [worker {:keys [f value]}]
                    (let [process (@processes worker)
                          op      {:type :invoke, :process process, :f f, :value value}
                          done    (client/invoke! (clients worker) facts op)]
                      (is (contains? #{:ok :fail :info} (:type done)) (pr-str done))
                      (is (= [process f] [(:process done) (:f done)]))
                      (when (= :info (:type done)) (swap! processes update worker + 3))
                      (swap! history conj op done)
                      done))]
    (is (every? #(client/reusable? % facts) clients))
    (doseq [[index operation] (map-indexed vector (take operation-count (operations-of gen)))]
      (invoke (mod index 3) operation))
    (is (not (realized? final)))
    (doseq [[worker question] (map question-of (:phases @final))]
      (loop [attempts 3]
        (when-not (or (= :ok (:type (invoke worker question))) (= 0 attempts))
          (recur (dec attempts)))))
    (vec (map-indexed (fn [index op] (assoc op :index index :time (* 1000000 index))) @history))))

(defn- limit-of
  "The time limit of a run with this many operations, in seconds: an operation takes a millisecond to begin and one to
  end."
  [operation-count]
  {:time-limit (/ operation-count 500)})

(defn- verdict
  ([workload history]
   (verdict workload history {}))
  ([workload history more]
   (checker/check (:checker (workload (assoc facts :net nil))) (merge facts more) history {})))

(defn- sloppy
  "A service that loses every tenth request or reply, and refuses some temporarily."
  [service]
  (let [number (atom 0)]
    (fn [node body]
      (case (mod (swap! number inc) 20)
        3  nil
        7  {:type "error", :code 11, :text "later"}
        13 (do (service node body) nil)
        17 (do (service node body) {:type "error", :code 13, :text "who knows"})
        (service node body)))))

(def all
  {:voucher [voucher/workload services/voucher-service]
   :saga    [saga/workload services/saga-service]
   :ids     [ids/workload #(services/ids-service nodes)]})

(deftest runs-against-a-right-service-are-valid
  (doseq [[name [workload service]] all]
    (testing name
      (let [history (run workload (service) 600)
            result  (verdict workload history (limit-of 600))]
        (is (true? (:valid? result)) (pr-str (remove (comp #{0} :count) (filter map? (vals result))) (:error result)))
        (is (pos? (:acknowledged-count result)))
        ; To Maelstrom, a run is invalid if an operation was never answered.
        (is (= (set (map :f history)) (set (map :f (filter #(= :ok (:type %)) history)))))))))

(deftest runs-with-lost-messages-are-valid
  (doseq [[name [workload service]] all]
    (testing name
      (let [history (run workload (sloppy (service)) 600)
            result  (verdict workload history (assoc (limit-of 600) :unseen-faults true))]
        (is (true? (:valid? result)) (pr-str (:error result)))
        (is (= #{:invoke :ok :fail :info} (set (map :type history))))))))

(deftest a-wrong-service-is-found-out
  (testing "which sells to every user"
    (let [service (services/voucher-service)
          history (run voucher/workload
                       (fn [node body]
                         (let [reply (service node body)]
                           (if (= "sold_out" (:outcome reply))
                             {:type "redeem_ok", :outcome "redeemed", :redemption 1, :credited 500}
                             reply)))
                       600)]
      (is (false? (:valid? (verdict voucher/workload history))))
      (is (pos? (-> (verdict voucher/workload history) :acknowledged-is-kept :count)))))
  (testing "which loses money"
    (let [service (services/saga-service)
          history (run saga/workload
                       (fn [node {:keys [type] :as body}]
                         (cond-> (service node body)
                           (= "audit" type) (update :balances #(into [(dec (first %))] (rest %)))))
                       600)]
      (is (pos? (-> (verdict saga/workload history) :money-is-conserved :count)))))
  (testing "whose nodes all use one node number"
    (let [service (services/ids-service ["n0" "n0" "n0"])
          history (run ids/workload (fn [node body] ((if (= "n1" node) (services/ids-service nodes) service) "n0" body)) 600)]
      (is (pos? (-> (verdict ids/workload history) :unique :count))))))

;; New work until the end

(defn- tenths
  "The operations of a run that ended :ok, without the final questions, in ten parts."
  [history operation-count]
  (map (partial filter #(= :ok (:type %))) (partition-all (/ operation-count 5) (take (* 2 operation-count) history))))

(defn- new-work-in
  "For each part, how many operations did new work."
  [work-of parts]
  (first
    (reduce (fn [[counts known] part]
              (let [work  (keep work-of part)
                    named (remove true? work)]
                [(conj counts (+ (count (filter true? work)) (count (remove known (distinct named)))))
                 (into known named)]))
            [[] #{}]
            parts)))

(deftest runs-have-new-work-until-the-end
  (doseq [[name work-of] {:voucher voucher/work-of, :saga saga/work-of, :ids ids/work-of}]
    (testing name
      (let [[workload service] (all name)
            history  (run workload (service) 3000)
            parts    (tenths history 3000)
            new-work (new-work-in work-of parts)
            result   (verdict workload history (limit-of 3000))]
        (is (= 10 (count parts)))
        (is (every? #(> % 50) new-work) (pr-str new-work))
        (is (true? (:valid? result)) (:error result))
        (is (< 1/4 (:last-third-fraction (:activity result)) 2/5))
        (is (= (reduce + new-work) (:work-count (:activity result))))
        (when (= :voucher name)
          (doseq [[part found] (map vector parts new-work)]
            (is (< 1/5 (/ found (count (filter #(= :redeem (:f %)) part)))))))))))

(deftest vouchers-accounts-and-keys-come-and-go
  (let [values (fn [workload f service]
                 (for [{:keys [type value] :as op} (take 6000 (run workload (service) 3000)) :when (and (= :invoke type) (= f (:f op)))]
                   value))
        halves #(split-at (quot (count %) 2) %)
        fresh  (fn [key-of items]
                 (let [[before after] (halves (map key-of items))] (remove (set before) (distinct after))))
        redeem (values voucher/workload :redeem services/voucher-service)]
    (is (= #{"r0" "r1"} (set (map :request_id redeem))))
    (is (< 10 (count (fresh :code redeem))))
    (is (< 50 (count (fresh :user redeem))))
    (testing "and old ones are still requested"
      (is (seq (filter #{"hot"} (map :code (second (halves redeem)))))))
    (is (seq (fresh :account (values saga/workload :close services/saga-service))))
    (is (< 5 (count (filter #(str/starts-with? % "hot-")
                            (fresh :key (values ids/workload :assign #(services/ids-service nodes)))))))))

(defn- history-of
  "Operations of one process that ended :ok, each with its time in milliseconds."
  [& moments-and-values]
  (mapcat (fn [[at value]]
            [{:type :invoke, :process 0, :f :do, :time (* 1000000 at)}
             {:type :ok, :process 0, :f :do, :value value, :time (* 1000000 at)}])
          (partition 2 moments-and-values)))

(deftest an-idle-run-is-of-unknown-validity
  (let [new-before (fn [number] (apply history-of (concat [0 :new, 300 :newer] (interleave (repeat 900) (repeat number :old)))))
        judge      (fn [history] (checker/check (j/checker (constantly {:valid? true}) #(when (not= :old (:value %)) (:value %)))
                                                (assoc facts :time-limit 1) history {}))]
    (is (= {:valid?   :unknown
            :error    "the workload was idle: none of the 20 operations that succeeded in the last third of the run did new work"
            :activity {:valid? :unknown, :work-count 2, :last-third-count 0, :last-third-fraction 0.0
                       :error  "the workload was idle: none of the 20 operations that succeeded in the last third of the run did new work"}}
           (judge (new-before 20))))
    (is (str/includes? (:error (judge (new-before 4210))) "none of the 4,210 operations"))
    (testing "but not where little was answered"
      (is (= {:valid? true, :activity {:valid? true, :work-count 2, :last-third-count 0, :last-third-fraction 0.0}}
             (judge (new-before 19)))))
    (testing "and what is known is not new"
      (is (= 1 (-> (judge (history-of 0 :new, 900 :new)) :activity :work-count)))
      (is (= 2 (-> (judge (history-of 0 true, 900 true)) :activity :work-count))))
    (testing "nor does what comes after the time limit count"
      (is (= :unknown (:valid? (judge (concat (new-before 20) (history-of 1500 :newest)))))))
    (testing "nor does waiting for the last answers prolong the run"
      (let [{:keys [last-third-count last-third-fraction]}
            (:activity (judge (concat (apply history-of (interleave (range 0 1000 10) (repeat true)))
                                      [{:type :invoke, :process 1, :f :do, :time 990000000}
                                       {:type :info, :process 1, :f :do, :time 5990000000}])))]
        (is (= [33 0.33] [last-third-count last-third-fraction]))))
    (testing "and figures are English on every machine"
      (let [default (Locale/getDefault)]
        (try
          (Locale/setDefault Locale/GERMANY)
          (is (str/includes? (:error (judge (new-before 4210))) "none of the 4,210 operations"))
          (finally (Locale/setDefault default)))))
    (testing "and a run without operations is not idle"
      (is (true? (:valid? (judge [])))))))

(deftest a-run-whose-service-stops-answering-is-of-unknown-validity
  (let [judge    (fn [history options]
                   (:activity (checker/check (j/checker (constantly {:valid? true}) :value)
                                             (merge facts {:time-limit 1} options) history {})))
        answered (apply history-of (interleave (range 10 210 10) (repeat :old)))
        asked    {:type :invoke, :process 1, :f :do, :time 900000000}
        died     {:valid? :unknown, :work-count 1, :last-third-count 0, :last-third-fraction 0.0
                  :error  "no operation succeeded in the last third of the run; the last one succeeded at 0.2 s"}]
    (doseq [more [[asked]
                  [(assoc asked :time 300000000)]
                  [asked (assoc asked :type :fail)]
                  [(assoc asked :time 300000000) (assoc asked :type :info, :time 5300000000)]]]
      (is (= died (judge (concat answered more) {}))))
    (doseq [[why history options] [["nothing was asked then" answered]
                                   ["little was answered before" (concat (drop 2 answered) [asked])]
                                   ["the answer came late" (concat answered [asked (assoc asked :type :ok, :time 1100000000)])]
                                   ["faults were injected" (concat answered [{:type :info, :process :nemesis, :f :start, :time 500000000} asked])]
                                   ["faults are not in the history" (concat answered [asked]) {:unseen-faults true}]]]
      (testing why
        (is (true? (:valid? (judge history options))))))))

;; Clients

(defn- invoke-with
  "Completes one operation with what a network answers."
  [workload net op]
  (let [opened (client/open! (:client (workload (assoc facts :net net))) facts "n1")]
    (client/invoke! opened facts (assoc op :type :invoke :process 4))))

(def create {:f :create, :value (first voucher/vouchers)})

(deftest errors-complete-operations-by-maelstroms-table
  (let [refused-with (fn [code] (invoke-with voucher/workload (constantly {:type "error", :code code, :text "why"}) create))]
    (is (= {:type :fail, :process 4, :f :create, :value (:value create), :error [:temporarily-unavailable "why"]}
           (refused-with 11)))
    (is (= [:info [:crash "why"]] ((juxt :type :error) (refused-with 13))))
    (is (= [:info [:unknown "why"]] ((juxt :type :error) (refused-with 1000))))
    (is (= [:info :net-timeout] ((juxt :type :error) (invoke-with voucher/workload (constantly nil) create))))
    (let [{:keys [type error]} (invoke-with voucher/workload (constantly {:type "voucher_create_ok", :more 1}) create)]
      (is (= [:info :malformed-reply] [type (first error)])))))

(deftest a-refusal-can-be-the-right-answer
  (let [taken    (fn [_node {:keys [limit]}] (if (= 12 limit) {:type "voucher_create_ok"} {:type "error", :code 21}))
        other    {:f :create-otherwise, :value (update (first voucher/vouchers) :limit inc)}
        accepted (constantly {:type "voucher_create_ok"})]
    (is (= [:ok true] ((juxt :type (comp :refused :value)) (invoke-with voucher/workload taken other))))
    (is (= [:ok false] ((juxt :type (comp :refused :value)) (invoke-with voucher/workload accepted other)))))
  (let [bad {:f :status, :value {:bad "missing"}}]
    (is (= {:name "missing", :refused true}
           (:value (invoke-with ids/workload (constantly {:type "error", :code 12, :text "id: missing"}) bad))))
    (is (= {:name "missing", :refused false, :answer {:kind "snowflake"}}
           (:value (invoke-with ids/workload (constantly {:type "guid_status_ok", :kind "snowflake"}) bad))))
    (is (= :fail (:type (invoke-with ids/workload (constantly {:type "error", :code 11, :text "later"}) bad))))))

(deftest a-client-creates-a-voucher-first-unless-it-is-known
  (let [asked (atom [])
        net   (fn [_node {:keys [type]}]
                (swap! asked conj type)
                {:type "error", :code 13, :text "who knows"})]
    ; The request itself was never sent, so that is certain.
    (is (= [:fail [:crash "who knows"]]
           ((juxt :type :error) (invoke-with voucher/workload net {:f :redeem, :value {:code "hot", :user "u1", :request_id "r"}}))))
    (is (= ["voucher_create"] @asked))))

(deftest an-audit-that-saw-two-moments-says-so
  (let [version (atom 0)
        net     (fn [_node {:keys [type accounts]}]
                  (if (= "audit" type)
                    {:type       "audit_ok"
                     :balances   (mapv (constantly 1) accounts)
                     :versions   (mapv (fn [_] (swap! version inc)) accounts)
                     :unfinished [{:request_id "r1", :held 3}]}
                    {:type (str type "_ok")}))
        {:keys [type value]} (invoke-with saga/workload net {:f :audit, :value {:accounts ["hot0" "c0"]}})]
    (is (= [:ok {:accounts ["hot0" "c0"], :balances [1 1], :versions [1 2], :clean false
                 :unfinished [{:request_id "r1", :held 3}]}]
           [type value]))
    (is (= [:fail [:unfinished ["r1"]]]
           ((juxt :type :error) (invoke-with saga/workload net {:f :settled, :value {:accounts ["hot0"]}}))))))

;; Checkers

(deftest an-announcement-of-the-nemesis-is-not-a-fault
  (let [seen   (atom nil)
        check  (j/checker (fn [test history] (reset! seen [test (mapv :value history)]) {:valid? true}) (constantly nil))
        faults (for [[f value] [[:start-partition :one] [:start-partition [:isolated {}]]
                                [:stop-partition nil] [:stop-partition :network-healed]
                                [:kill :one] [:kill {"n1" :killed}]
                                [:start :all] [:start {"n1" :started}]]]
                 {:type :info, :process :nemesis, :f f, :value value})]
    (checker/check check facts faults {})
    (is (= [nil [:isolated {}] nil :network-healed nil {"n1" :killed} nil {"n1" :started}] (second @seen)))
    (is (= {:nodes nodes, :concurrency 3, :latency-mean-ms 0, :hit-message-count 0} (first @seen)))
    (checker/check check (assoc facts :unseen-faults true) faults {})
    (is (nil? (:hit-message-count (first @seen))))))

;; The main

(deftest the-main-adds-the-workloads
  (main/add-workloads!)
  (let [{:keys [arguments workloads spec]} (main/-main "test" "-w" "voucher")
        {:keys [default validate]} (apply hash-map (drop 3 (first (filter #(= "-w" (first %)) spec))))]
    (is (= ["test" "-w" "voucher"] arguments))
    (is (= [:echo :ids :lin-kv :saga :voucher] (sort (keys workloads))))
    (is (= :lin-kv default))
    (is (every? (first validate) [:echo :ids :lin-kv :saga :voucher]))
    (is (nil? ((first validate) :other)))
    (is (= "Must be one of echo, ids, lin-kv, saga, voucher" (second validate)))
    (is (= 1 (count (filter #(= "--unseen-faults" (second %)) spec))))
    (is (= 4 (count spec)))))

(deftest everything-is-documented
  (let [namespaces (group-by (comp ns-name :ns) @c/rpc-registry)]
    (is (= '#{snowstorm.ids snowstorm.saga snowstorm.voucher} (set (keys namespaces))))
    (doseq [[name rpcs] namespaces]
      (let [text (:doc (meta (find-ns name)))]
        (doseq [{:keys [doc send recv]} rpcs
                type [(:type send) (:type recv)]]
          (is (not (str/blank? doc)))
          (is (str/includes? text (str "\"type\": \"" (:value type) "\"")) (str name " does not tell of " (:value type))))))))

(defn -main
  [& [seed]]
  (let [{:keys [fail error]} (binding [*seed* (if seed (Long/parseLong seed) *seed*)]
                               (run-tests 'snowstorm.stand-in-tests))]
    (shutdown-agents)
    (System/exit (if (zero? (+ fail error)) 0 1))))
