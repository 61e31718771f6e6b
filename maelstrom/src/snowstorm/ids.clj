(ns snowstorm.ids
  "An id service for a fleet of nodes. Ids are unique without coordination, of two kinds, single or in batches. A
  status decodes an id. And an id can be assigned to a service and a key, once and for ever.

  ```json
  {\"type\": \"generate\"}
  {\"type\": \"generate_ok\", \"id\": \"595172839467794432\"}

  {\"type\": \"generate\", \"count\": 3}
  {\"type\": \"generate_ok\", \"ids\": [\"595172839467794432\", \"595172839467794434\", \"595172839467794437\"]}

  {\"type\": \"generate\", \"kind\": \"uuid\"}
  {\"type\": \"generate_ok\", \"id\": \"0199c1a2-7b3c-7001-8041-5f2d9e8c7b6a\"}
  ```

  `count` is 1 to 10,000, `kind` snowflake or uuid, and both may be there. An id is always a text: a decimal number
  beyond 2^53 does not survive JavaScript's clients.

  ```json
  {\"type\": \"guid_status\", \"id\": \"595172839467794432\"}
  {\"type\": \"guid_status_ok\", \"kind\": \"snowflake\", \"timestamp\": \"2029-07-04T08:36:31.344Z\", \"node\": 7, \"sequence\": 0,
   \"assignment\": {\"service\": \"payment\", \"key\": \"k1\", \"node\": \"n1\", \"created_at\": \"2029-07-04T08:36:31.345Z\"}}
  ```

  `assignment` is there if the id was assigned. A text that is not an id is refused with error 12.

  ```json
  {\"type\": \"guid_assign\", \"service\": \"payment\", \"key\": \"k1\"}
  {\"type\": \"guid_assign_ok\", \"id\": \"595172839467794432\"}
  ```

  The one id of this service and key: the same for ever, from every node.

  The test mixes all of this, so that ids of both kinds, single and in batches, generated and assigned, are compared in
  one run. The rules are in snowstorm.checker.ids."
  (:require [clojure.string :as str]
            [maelstrom.client :as c]
            [schema.core :as s]
            [snowstorm.checker.ids :as rules]
            [snowstorm.jepsen :as j :refer [ask complete]]))

;; The protocol declares only which fields there are. The checker judges their contents, and says what is wrong. One id
;; comes as `id`, a batch as `ids`.

(c/defrpc generate
  "Answers with a unique id."
  {:type                  (s/eq "generate")
   (s/optional-key :kind) (s/enum "snowflake" "uuid")}
  {:type (s/eq "generate_ok")
   :id   s/Any})

(c/defrpc generate-batch
  "Answers with `count` unique ids, ascending."
  {:type                  (s/eq "generate")
   :count                 s/Int
   (s/optional-key :kind) (s/enum "snowflake" "uuid")}
  {:type (s/eq "generate_ok")
   :ids  [s/Any]})

(c/defrpc guid-status
  "Decodes an id: when it was made, by which node number, its sequence number within the millisecond, and its
  assignment."
  {:type (s/eq "guid_status")
   :id   s/Str}
  {:type                        (s/eq "guid_status_ok")
   :kind                        s/Any
   :timestamp                   s/Any
   :node                        s/Any
   :sequence                    s/Any
   (s/optional-key :assignment) s/Any})

(c/defrpc guid-status-of-anything
  "The same for a value that is not an id. It must be refused with error 12, so any answer is wrong."
  {:type                (s/eq "guid_status")
   (s/optional-key :id) s/Any}
  {:type     (s/eq "guid_status_ok")
   s/Keyword s/Any})

(c/defrpc guid-assign
  "Answers with the one id of this service and key: the same for ever, from every node."
  {:type    (s/eq "guid_assign")
   :service s/Str
   :key     s/Str}
  {:type (s/eq "guid_assign_ok")
   :id   s/Any})

(def ^:private snowflake "595172839467794432")
(def ^:private uuid "0199c1a2-7b3c-7001-8041-5f2d9e8c7b6a")

(def bad-ids
  "Values that are not ids, by name: the fields of a `guid_status`. Some language's parser reads most of them as a
  number, and would give the status of a different id."
  {"missing"                     {}
   "null"                        {:id nil}
   "boolean"                     {:id true}
   "integer"                     {:id 595172839467}
   "fraction"                    {:id 1.5}
   "list"                        {:id [snowflake]}
   "object"                      {:id {:id snowflake}}
   "empty"                       {:id ""}
   "letters"                     {:id "snowflake"}
   "negative"                    {:id "-1"}
   "plus-sign"                   {:id (str "+" snowflake)}
   "white-space"                 {:id (str " " snowflake)}
   "line-break"                  {:id (str snowflake "\n")}
   "leading-zero"                {:id (str "0" snowflake)}
   "fraction-text"               {:id (str snowflake ".0")}
   "exponent"                    {:id "5e17"}
   "hexadecimal"                 {:id "0x842748a77a40000"}
   "separators"                  {:id "595_172_839_467_794_432"}
   "arabic-digits"               {:id "٥٩٥١٧٢٨٣٩٤٦٧٧٩٤٤٣٢"}
   "2^64"                        {:id "18446744073709551616"}
   "10-kilobytes"                {:id (apply str (repeat 10000 \9))}
   "upper-case-uuid"             {:id (.toUpperCase ^String uuid)}
   "uuid-version-4"              {:id "9f4c1d5e-3b2a-4c6d-8e7f-0a1b2c3d4e5f"}
   "uuid-variant-of-microsoft"   {:id "0199c1a2-7b3c-7001-c041-5f2d9e8c7b6a"}
   "uuid-without-hyphens"        {:id (.replace ^String uuid "-" "")}
   "uuid-in-braces"              {:id (str "{" uuid "}")}
   "uuid-with-a-letter-too-many" {:id (str uuid "0")}
   ; Of version 7, but from before the first id.
   "uuid-of-2022"                {:id "0180e2a2-7b3c-7001-8041-5f2d9e8c7b6a"}
   "nil-uuid"                    {:id "00000000-0000-0000-0000-000000000000"}})

(def ^:private services ["payment" "booking"])

;; Hot keys are requested by many clients: one to one is easy unless several clients want the same key. New ones come
;; after a number of draws. Otherwise everything would be assigned in the first seconds.

(def ^:private hot-key-count
  "At a time."
  2)

(def ^:private draws-per-hot-keys 24)

(def ^:private old-hot-key-interval
  "One in this many draws is of any earlier hot key."
  6)

(def ^:private last-pairs-max
  "How many of the newest hot keys are requested again at the end."
  16)

(defn- draw-hot-pair
  "A hot pair, after this many draws."
  [drawn-count]
  (let [newest (* hot-key-count (quot drawn-count draws-per-hot-keys))
        old?   (and (pos? newest) (zero? (rand-int old-hot-key-interval)))]
    {:service (j/pick services)
     :key     (str "hot-" (if old? (rand-int newest) (+ newest (rand-int hot-key-count))))}))

(defn- last-pairs
  "The first hot keys, and the latest of those requested in the run, in their order."
  [asked]
  (let [all-first (for [service services, number (range hot-key-count)] {:service service, :key (str "hot-" number)})]
    (concat all-first (take-last last-pairs-max (remove (set all-first) asked)))))

(def ^:private count-max 10000)

(def ^:private borrowing-count-min
  "More ids than a millisecond has, so that the next millisecond is borrowed."
  4097)

;; The ids that the clients of a run got last, generated or assigned, each once

(def ^:private recent-ids-max 64)

(def ^:private first-id
  "Any id, used until a client has got one."
  snowflake)

(def ^:private nothing-known
  {:ids   []
   ; Services and hot keys, each once, in the order of the first requests.
   :pairs []
   :named #{}})

(defn- remember!
  [{:keys [shared]} id]
  (when (string? id)
    (swap! shared update :ids (fn [ids]
                                (cond
                                  (some #{id} ids)               ids
                                  (< (count ids) recent-ids-max) (conj ids id)
                                  :else                          (conj (subvec ids 1) id))))))

(defn- note-pair!
  [{:keys [shared]} {:keys [key] :as pair}]
  (when (str/starts-with? key "hot-")
    (swap! shared (fn [{:keys [named] :as known}]
                    (if (contains? named pair)
                      known
                      (-> known (update :pairs conj pair) (update :named conj pair)))))))

(defn- choose
  "Counts back from the newest."
  [{:keys [shared]} number]
  (let [{:keys [ids]} @shared]
    (if (empty? ids)
      first-id
      (nth ids (- (count ids) 1 (mod number (count ids)))))))

;; The operations of a client

(defn- generating
  [client {{:keys [count kind] :as value} :value :as op}]
  (complete op
            (ask (if count generate-batch generate) client value)
            (fn [{:keys [id ids]}]
              (let [got (if count (vec ids) [id])]
                ; Only the ends of a batch. All of it would displace all other ids.
                (remember! client (first got))
                (remember! client (peek got))
                {:kind (or kind "snowflake"), :ids got}))))

(defn- bad-status
  [client {{:keys [bad]} :value :as op}]
  (let [{:keys [kind name text definite?] :as result} (ask guid-status-of-anything client (bad-ids bad))]
    (if (and (= :error kind) definite? (not= :temporarily-unavailable name))
      (assoc op :type :ok, :value (if (= :malformed-request name)
                                    {:name bad, :refused true}
                                    {:name bad, :refused false, :answer [name text]}))
      (complete (assoc op :value {:name bad}) result
                (fn [body] {:name bad, :refused false, :answer (j/answer body)})))))

(defn- status
  "The status of an id that the run got. It is chosen when the request is sent."
  [client {{:keys [of bad]} :value :as op}]
  (if bad
    (bad-status client op)
    (let [id (choose client (or of 0))]
      (complete (assoc op :value {:id id})
                (ask guid-status client {:id id})
                #(assoc (j/answer %) :id id)))))

(defn- assigning
  [client {:keys [value] :as op}]
  (note-pair! client value)
  (complete op (ask guid-assign client value)
            (fn [{:keys [id]}]
              (remember! client id)
              (assoc value :id id))))

(def ^:private operations
  {:generate generating
   :status   status
   :assign   assigning})

;; Drawing operations

(defn- draw-count
  []
  (let [percentile (rand-int 100)]
    (cond
      (< percentile 1) (+ borrowing-count-min (rand-int (inc (- count-max borrowing-count-min))))
      (< percentile 5) 1000
      :else            (inc (rand-int 20)))))

(defn- generator
  []
  (let [; No key of another run or another generator has this prefix.
        prefix    (Long/toString (long (rand (bit-shift-left 1 40))) 36)
        key-count (atom 0)
        hot-count (atom 0)
        name-key  #(str prefix "-" (dec (swap! key-count inc)))
        generate  (fn [value] {:f :generate, :value value})
        bad-names (vec (keys bad-ids))
        draw      (j/weighted 28 #(generate {})
                              14 #(generate {:count (draw-count)})
                              10 #(generate {:kind "uuid"})
                              6  #(generate {:count (draw-count), :kind "uuid"})
                              20 #(do {:f :status, :value {:of (rand-int 65536)}})
                              6  #(do {:f :status, :value {:bad (j/pick bad-names)}})
                              8  #(do {:f :assign, :value (draw-hot-pair (dec (swap! hot-count inc)))})
                              8  #(do {:f :assign, :value {:service (j/pick services), :key (name-key)}}))]
    (fn [] ((draw)))))

(defn- last-questions
  "To every node, because each may have kept an answer of its own."
  [{:keys [nodes concurrency]} {:keys [pairs]}]
  (mapcat #(repeat (min concurrency (count nodes)) %)
          (concat [{:f :generate, :value {}} {:f :status, :value {:of 0}}]
                  (for [pair (last-pairs pairs)] {:f :assign, :value pair}))))

(defn work-of
  "New work is generated ids, and a key that no answer told before."
  [{:keys [f value]}]
  (case f
    :generate true
    :assign   [(:service value) (:key value)]
    nil))

(defn workload
  "The workload, given the options of a test: {:net a Maelstrom network, :nodes [...], :concurrency n}"
  [{:keys [net] :as opts}]
  (let [known (atom nothing-known)]
    {:client          (j/client net known operations)
     :generator       (generator)
     :final-generator (j/one-by-one opts #(last-questions opts @known))
     :checker         (j/checker rules/check work-of)}))
