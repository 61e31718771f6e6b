(ns snowstorm.checker.id-assignments
  "Two rules for ids that are assigned to a (service, key). The assignment is one to one, at every node and at any
  time. And what a status says of it is true, and is there once the assignment was acknowledged."
  (:require [snowstorm.checker.findings :refer [finding]]
            [snowstorm.checker.history :as h]))

(defn pair-of
  [assigned]
  (select-keys assigned [:service :key]))

(defn- judge-one-to-one
  "Each id of each (service, key) against the earlier ones."
  [assigned]
  (loop [[{:keys [id operation] :as one} & more :as all] assigned, by-pair {}, by-id {}, found []]
    (if (empty? all)
      found
      (let [pair       (pair-of one)
            other-id   (by-pair pair)
            other-pair (by-id id)]
        (recur more
               (if other-id by-pair (assoc by-pair pair one))
               (if other-pair by-id (assoc by-id id one))
               (cond-> found
                 other-id
                 (conj (finding :one-to-one "one service and key got two ids"
                                (assoc pair :ids [(:id other-id) id]
                                       :operations [(:operation other-id) operation])))
                 other-pair
                 (conj (finding :one-to-one "one id was assigned twice"
                                {:id id, :to [(pair-of other-pair) pair]
                                 :operations [(:operation other-pair) operation]}))))))))

(def ^:private iso-8601 #"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z")

(defn- assignment-problem
  [nodes assignment]
  (if-not (map? assignment)
    "an assignment is no object"
    (let [{:keys [service key node created_at]} assignment]
      (cond
        (not (and (string? service) (string? key)))
        "an assignment does not name service and key"

        (not (and (string? node) (some #{node} nodes)))
        "an assignment is by no node of this run"

        (not (and (string? created_at) (re-matches iso-8601 created_at)))
        "an assignment has no time"))))

(defn- first-by
  "A map that keeps the first item of each key."
  [key-of items]
  (reduce (fn [firsts item] (let [k (key-of item)] (if (contains? firsts k) firsts (assoc firsts k item)))) {} items))

(defn- judge-told
  "Statuses in the order of their completions, compared with the acknowledged assignments. Returns the findings, and
  the different assignments that statuses told."
  [nodes assigned statuses]
  (let [first-assigned (first-by :id assigned)]
    (loop [[{:keys [answered invocation operation]} & more :as all] statuses
           told-by-id {}, told-by-pair {}, told-all [], found []]
      (if (empty? all)
        {:told told-all, :found found}
        (let [{:keys [id assignment]} answered]
          (if-not (contains? answered :assignment)
            ; What any earlier answer told must still be true.
            (let [acknowledged (first-assigned id)
                  known        (if (and acknowledged (< (:operation acknowledged) operation))
                                 acknowledged
                                 (first (told-by-id id)))]
              (recur more told-by-id told-by-pair told-all
                     (if (and known (<= (:operation known) invocation))
                       (conj found (finding :assignment-is-right "a status does not tell the assignment"
                                            {:id id, :to (pair-of known), :operations [(:operation known) operation]}))
                       found)))
            (let [problem (assignment-problem nodes assignment)
                  found   (if problem
                            (conj found (finding :assignment-is-right problem
                                                 {:id id, :assignment assignment, :operation operation}))
                            found)
                  of-id   (told-by-id id)]
              (if (or (not (map? assignment)) (some #(= assignment (:assignment %)) of-id))
                (recur more told-by-id told-by-pair told-all found)
                (let [told    {:id id, :operation operation, :assignment assignment
                               :service (:service assignment), :key (:key assignment)}
                      of-pair (told-by-pair (pair-of told))
                      other   (or (first of-id)
                                  (when (and of-pair (not= id (:id of-pair))) of-pair))]
                  (recur more
                         (update told-by-id id (fnil conj []) told)
                         (if of-pair told-by-pair (assoc told-by-pair (pair-of told) told))
                         (conj told-all told)
                         (if other
                           (conj found (finding :assignment-is-right "two statuses tell different assignments"
                                                {:ids [(:id other) id], :assignment assignment
                                                 :operations [(:operation other) operation]}))
                           found)))))))))))

(defn- judge-contradictions
  "The assignments told by statuses against every acknowledged one, earlier and later."
  [assigned told]
  (let [by-pair (group-by pair-of assigned)
        by-id   (group-by :id assigned)]
    (for [{:keys [id operation] :as one} told
          :let  [pair  (pair-of one)
                 other (or (h/first-where #(not= id (:id %)) (by-pair pair))
                           (h/first-where #(not= pair (pair-of %)) (by-id id)))]
          :when other]
      (finding :assignment-is-right "a status tells another assignment than was acknowledged"
               {:id id, :told pair, :acknowledged (assoc (pair-of other) :id (:id other))
                :operations [operation (:operation other)]}))))

(defn- judge-generated
  "An assigned id must not be generated, too."
  [assigned told generated]
  (let [first-assigned (first-by :id assigned)
        first-told     (first-by :id told)]
    (for [{:keys [id operation]} generated
          :let  [acknowledged (first-assigned id)
                 other        (or acknowledged (first-told id))]
          :when other]
      (finding (if acknowledged :one-to-one :assignment-is-right) "an id that is assigned was generated, too"
               {:id id, :to (pair-of other), :operations [operation (:operation other)]}))))

(defn assignment-findings
  "The findings about assignments, from the acknowledged ones, the answers to `status`, and the generated ids."
  [{:keys [nodes]} assigned statuses generated]
  (let [{:keys [told found]} (judge-told nodes assigned statuses)]
    (concat (judge-one-to-one assigned)
            found
            (judge-contradictions assigned told)
            (judge-generated assigned told generated))))
