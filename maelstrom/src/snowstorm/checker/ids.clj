(ns snowstorm.checker.ids
  "What the id service promises, over all its requests. `generate` and `assign` hand out ids. `status` explains them,
  and is also asked about texts that are not ids. Only :ok binds. A request that ended in :info may have happened or
  not, and shows in no id.

  The rules, by their names in the result:

  :unique                no id and no slot is handed out twice
  :ascending             what one client gets of one node number ascends
  :status-is-right       a status says what the id itself says
  :one-to-one            one (service, key), one id, from every node and at any time
  :assignment-is-right   what a status says of an assignment is true, and is there once the assignment was acknowledged
  :as-asked              answers have the asked number of ids, of the asked kind
  :refuses-what-is-no-id with error 12"
  (:require [snowstorm.checker.findings :refer [finding verdict]]
            [snowstorm.checker.history :as h]
            [snowstorm.checker.id-assignments :refer [assignment-findings pair-of]]
            [snowstorm.checker.id-slots :refer [format-timestamp read-id slot]]))

(def rules
  [:unique :ascending :status-is-right :one-to-one :assignment-is-right :as-asked :refuses-what-is-no-id])

(defn- ids-of
  [value]
  (let [ids (when (map? value) (:ids value))]
    (if (sequential? ids) ids [])))

(defn- fields-of
  [value]
  (if (map? value) value {}))

(defn- completed
  "In the order of the completions."
  [history]
  (->> (h/operations history)
       (filter :operation)
       (sort-by :operation)
       (map #(-> % (update :asked fields-of) (update :answered fields-of)))))

(defn- oks
  [f ops]
  (filter #(and (= f (:f %)) (= :ok (:type %))) ops))

(defn- generated
  "Every id that was generated, with the place of its answer."
  [ops]
  (for [{:keys [answered operation process]} (oks :generate ops), id (ids-of answered)]
    {:id id, :operation operation, :process process}))

(defn- assigned
  "Every id of every (service, key), once each, in the order of the first acknowledgements."
  [ops]
  (mapv (comp first second)
        (h/group-in-order (juxt pair-of :id)
                          (for [{:keys [asked answered operation]} (oks :assign ops)]
                            {:id        (:id answered)
                             :service   (:service asked)
                             :key       (:key asked)
                             :operation operation}))))

;; No id and no slot may be handed out twice

(defn- judge-slots
  [handouts]
  (for [[_ sharing] (h/group-in-order (comp slot :id) handouts)
        :when (> (count sharing) 1)
        :let  [ids (distinct (map :id sharing))]]
    (finding :unique
             (if (next ids) "one slot was handed out in different ids" "one id was handed out more than once")
             {:ids (vec (take 8 ids)), :operations (vec (take 8 (sort (map :operation sharing))))})))

;; The ids that a client gets ascend by timestamp and sequence number, over both kinds. A client is a worker, which
;; sends one request at a time to one node, and a restarted node must go on above its earlier ids. They are compared by
;; node number: a node with a lease may get another number, and nothing is promised between two numbers.

(defn- judge-order
  [{:keys [nodes concurrency]} generated]
  (loop [[{:keys [id process operation]} & more :as all] generated, last-ids {}, found []]
    (if (empty? all)
      found
      (if-let [{:keys [timestamp-ms node sequence]} (read-id id)]
        (let [worker   (mod process concurrency)
              previous (last-ids [worker node])
              at       [timestamp-ms sequence]]
          (recur more
                 (assoc last-ids [worker node] {:id id, :at at})
                 (if (and previous (not (pos? (compare at (:at previous)))))
                   (conj found (finding :ascending "an id is not above the one before"
                                        {:previous (:id previous), :id id, :process process
                                         :node (get nodes (mod worker (count nodes))), :operation operation}))
                   found)))
        (recur more last-ids found)))))

;; Answers to `generate`, `assign` and `status`

(defn- judge-generate
  [{:keys [asked answered operation]}]
  (let [ids  (ids-of answered)
        kind (:kind asked "snowflake")]
    (cons (when-not (= (:count asked 1) (count ids))
            (finding :as-asked "another number of ids was answered than was asked for"
                     {:asked asked, :answered-count (count ids), :operation operation}))
          (for [id ids :when (not= kind (:kind (read-id id)))]
            (finding :as-asked (str "an id is no " kind) {:asked asked, :id id, :operation operation})))))

(defn- judge-assign
  [{:keys [asked answered operation]}]
  (let [id (:id answered)]
    (when-not (= "snowflake" (:kind (read-id id)))
      [(finding :as-asked "an id is no snowflake" {:asked asked, :id id, :operation operation})])))

(defn- judge-status
  [{:keys [answered operation]}]
  (let [{:keys [id]} answered
        said         (dissoc answered :id :assignment)]
    (if-let [{:keys [kind timestamp-ms node sequence]} (read-id id)]
      (let [expected {:kind kind, :timestamp (format-timestamp timestamp-ms), :node node, :sequence sequence}]
        (when-not (= expected (select-keys said (keys expected)))
          [(finding :status-is-right "a status is not what the id says"
                    {:id id, :said said, :expected expected, :operation operation})]))
      [(finding :status-is-right "there is a status of what is no id" {:id id, :said said, :operation operation})])))

(defn- judge-bad-status
  [{:keys [answered operation]}]
  (let [{:keys [name refused answer]} answered]
    (when-not (true? refused)
      [(finding :refuses-what-is-no-id "what is no id was not refused with error 12"
                {:name name, :answer answer, :operation operation})])))

(defn- judge-refusal
  "A well-formed request must not be refused as malformed. Other definite errors are allowed at any time."
  [{:keys [f asked answered operation error-name]}]
  (when (= "malformed-request" error-name)
    (cond
      (#{:generate :assign} f)
      [(finding :as-asked "a request was refused that is well-formed" {:f f, :asked asked, :operation operation})]

      (and (= :status f) (read-id (:id answered)))
      [(finding :status-is-right "an id was refused" {:id (:id answered), :operation operation})])))

(defn- bad-status?
  [{:keys [f asked]}]
  (and (= :status f) (some? (:bad asked))))

(defn- judge-answer
  [{:keys [f type] :as op}]
  (case type
    :info nil
    :fail (judge-refusal op)
    (case f
      :generate (judge-generate op)
      :assign   (judge-assign op)
      :status   (if (bad-status? op) (judge-bad-status op) (judge-status op))
      nil)))

;; The verdict

(defn check
  "The verdict on a history.

    test   {:nodes [...], :concurrency n}: worker t talks to node t mod nodes, and process p belongs to worker p mod
           concurrency"
  [test history]
  (let [ops                (completed history)
        generated          (vec (generated ops))
        assigned           (assigned ops)
        acknowledged-count (+ (count (filter (comp seq ids-of :answered) (oks :generate ops)))
                              (count (oks :assign ops)))]
    (verdict rules
             (remove nil? (concat (judge-slots (concat generated assigned))
                                  (judge-order test generated)
                                  (mapcat judge-answer ops)
                                  (assignment-findings test assigned (remove bad-status? (oks :status ops)) generated)))
             {:attempted-count    (count (filter #(and (#{:generate :assign} (:f %)) (= :invoke (:type %))) history))
              :acknowledged-count acknowledged-count
              :id-count           (count generated)
              :assigned-count     (count (distinct (map pair-of assigned)))}
             (when (zero? acknowledged-count) "no id was acknowledged"))))
