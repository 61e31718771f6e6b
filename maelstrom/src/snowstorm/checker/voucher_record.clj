(ns snowstorm.checker.voucher-record
  "What a history says of vouchers, sorted for the rules: by voucher the requests and answers, by user the reads of the
  wallet."
  (:require [snowstorm.checker.history :as h :refer [never]]))

(defn- touched-code
  "The code of the voucher that an operation is about."
  [{:keys [f type operation asked answered]}]
  (case f
    (:redeem :replay)            (:code asked)
    :settled                     (when operation (:code asked))
    (:create :read
     :report :report-all)        (when (= :ok type) (:code answered))
    nil))

(defn- attempt?
  [{:keys [f]}]
  (or (= :redeem f) (= :replay f)))

(defn- possible?
  "Whether an attempt may have redeemed: it was told so, or its outcome is unknown."
  [{:keys [type answered]}]
  (case type
    :fail false
    :ok   (= "redeemed" (:outcome answered))
    true))

(defn- answers-of
  "The different answers to a request, each with the place of the first one."
  [attempts]
  (->> attempts
       (filter #(= :ok (:type %)))
       (h/group-in-order #(select-keys (:answered %) [:outcome :redemption :credited]))
       (mapv (fn [[{:keys [outcome redemption credited]} same]]
               (assoc (h/place (apply min-key :operation same))
                      :outcome outcome, :redemption redemption, :credited credited)))))

(defn- request
  "One request of one user, with all its attempts at any node."
  [[user request-id] attempts]
  (let [answers (answers-of attempts)
        told    (filter #(= "redeemed" (:outcome %)) answers)]
    {:user             user
     :request-id       request-id
     :first-invocation (:invocation (first attempts))
     ; `never` if no attempt may have redeemed.
     :first-possible   (or (:invocation (h/first-where possible? attempts)) never)
     :failed-always    (every? #(= :fail (:type %)) attempts)
     :answers          answers
     :acknowledged     (when (seq told) (apply min-key :operation told))}))

(defn- requests-of
  "By user and request id, in the order of their first attempts."
  [ops]
  (for [[user of-user]  (h/group-in-order (comp :user :asked) (filter attempt? ops))
        [id attempts]   (h/group-in-order (comp :request_id :asked) of-user)]
    (request [user id] attempts)))

(defn- settling
  "Whether a voucher had settled. :pending is nil if there was no answer."
  [{:keys [type answered error-name error-detail] :as op}]
  (assoc (h/place op) :pending (cond (= :ok type)           (:pending answered)
                                     (= "pending" error-name) error-detail)))

(defn- by-f
  [ops & fs]
  (filter (comp (set fs) :f) ops))

(defn- told
  "The values of the operations that ended ok, with their places."
  [ops]
  (for [{:keys [type answered] :as op} ops :when (= :ok type)]
    (merge (h/place op) (dissoc answered :code))))

(defn terms-of
  [answered]
  (select-keys answered [:limit :amount :shards]))

(defn- voucher
  "A voucher, with everything that follows from its history."
  [code ops]
  (let [last-redeem (or (:invocation (last (by-f ops :redeem))) -1)
        creations   (mapv #(assoc (h/place %) :terms (terms-of (:answered %)))
                          (filter #(= :ok (:type %)) (by-f ops :create)))
        full        (vec (told (by-f ops :report-all)))
        finals      (filterv #(> (:invocation %) last-redeem) full)
        final       (peek finals)
        requests    (vec (requests-of ops))]
    {:code          code
     :creations     creations
     ; As acknowledged first.
     :terms         (:terms (first (sort-by :operation creations)))
     :requests      requests
     :request       (into {} (map (juxt (juxt :user :request-id) identity)) requests)
     ; The numbers of redemptions that clients were told.
     :counts        (vec (for [{:keys [f type answered] :as op} (by-f ops :read :settled :report :report-all)
                               :when (= :ok type)]
                           (assoc (h/place op)
                                  :used    (if (#{:report :report-all} f) (:length answered) (:used answered))
                                  :limit   (when (#{:read :settled} f) (:limit answered))
                                  :amount  (when (#{:read :settled} f) (:amount answered))
                                  :pending (when (#{:read :settled} f) (:pending answered)))))
     :reports       (vec (told (by-f ops :report :report-all)))
     :full-reports  full
     :sold-out      (for [{:keys [type asked answered operation]} (filter attempt? ops)
                          :when (and (= :ok type) (= "sold_out" (:outcome answered)))]
                      {:user (:user asked), :operation operation})
     :settlings     (mapv settling (filter :operation (by-f ops :settled)))
     ; The last request to redeem, except replays. Earlier reads are not final.
     :last-redeem   last-redeem
     ; A final report, too, but before the replays, which may have changed it.
     :first-final   (first finals)
     ; R.
     :final         final
     :final-by-user (group-by :user (:redemptions final))
     :acknowledged  (filterv :acknowledged requests)}))

(defn run-record
  [history]
  (let [ops    (h/operations history)
        groups (dissoc (group-by touched-code ops) nil)]
    {:vouchers        (mapv #(voucher % (groups %)) (distinct (keep touched-code ops)))
     ; The reads of wallets, by user.
     :wallets         (h/group-in-order :user (for [{:keys [type answered] :as op} (by-f ops :wallet)
                                                    :when (= :ok type)]
                                                (merge (h/place op) answered)))
     :refusals        (filter #(= :fail (:type %)) ops)
     ; Under other terms than the first.
     :other-creations (for [{:keys [type answered] :as op} (by-f ops :create-otherwise) :when (= :ok type)]
                        (merge (h/place op) answered))
     ; Where the first replay begins.
     :first-replay    (or (:invocation (first (by-f ops :replay))) never)
     :attempted-count (count (filter attempt? ops))}))

(defn last-settling
  "The last settling after the last redemption and before the first replay."
  [{:keys [settlings last-redeem]} {:keys [first-replay]}]
  (let [found (h/last-where #(< (:operation %) first-replay) settlings)]
    (when (and found (> (:invocation found) last-redeem)) found)))
