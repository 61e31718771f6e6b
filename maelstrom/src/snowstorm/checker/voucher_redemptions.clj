(ns snowstorm.checker.voucher-redemptions
  "The rules for the redemptions of one voucher. Rules about R, its final report, leave out a voucher without one.
  Rules about the limit leave out a voucher whose creation was never acknowledged. Such a run is of unknown validity
  anyway."
  (:require [snowstorm.checker.findings :refer [finding]]
            [snowstorm.checker.history :as h :refer [before? never]]))

(defn- judge-limit
  [{:keys [code terms final counts]}]
  (concat
    (mapcat (fn [{:keys [used pending operation]}]
              (let [facts {:code code, :used used, :operation operation}]
                [(when (and terms (> used (:limit terms)))
                   (finding :within-limit "more was used than the limit" (assoc facts :limit (:limit terms))))
                 (when (and pending (not (<= 0 pending used)))
                   (finding :within-limit "another number was pending than can be" (assoc facts :pending pending)))]))
            counts)
    (when (and terms final)
      (let [total (count (:redemptions final))
            facts {:code code, :count total, :limit (:limit terms), :operation (:operation final)}]
        [(when (> total (:limit terms))
           (finding :within-limit "there are more redemptions than the limit" facts))
         ; At the end fresh users asked for more than was left.
         (when (< total (:limit terms))
           (finding :no-right-is-lost "fewer users could redeem than the limit" facts))]))))

(defn- judge-counts
  "Compares all numbers of redemptions that clients were told, in real time."
  [{:keys [code counts acknowledged requests]}]
  (let [completions (vec (sort (map (comp :operation :acknowledged) acknowledged)))
        possible    (vec (sort (map :first-possible requests)))]
    ; In the order of the invocations.
    (loop [waiting (sort-by :operation counts), highest nil, [{:keys [used invocation operation]} & more :as all] counts
           found []]
      (cond
        (empty? all)
        found

        (and (seq waiting) (<= (:operation (first waiting)) invocation))
        (let [earlier (first waiting)]
          (recur (rest waiting)
                 (if (or (nil? highest) (> (:used earlier) (:used highest))) earlier highest)
                 all found))

        :else
        (let [acknowledged-count (h/count-below completions invocation)
              possible-count     (h/count-below possible operation)
              facts              {:code code, :used used}]
          (recur waiting highest more
                 (cond-> found
                   (and highest (< used (:used highest)))
                   (conj (finding :counts-are-current "the number of redemptions fell"
                                  (assoc facts :before (:used highest) :operations [(:operation highest) operation])))

                   (< used acknowledged-count)
                   (conj (finding :counts-are-current "fewer redemptions were told than were acknowledged before"
                                  (assoc facts :acknowledged-count acknowledged-count :operation operation)))

                   (> used possible-count)
                   (conj (finding :counts-are-current "more redemptions were told than were asked for"
                                  (assoc facts :invoked-count possible-count :operation operation))))))))))

(defn- asked-before?
  [{:keys [request]} {:keys [user request_id]} operation]
  (when-let [asked (request [user request_id])]
    (< (:first-invocation asked) operation)))

(defn- judge-answer
  "Against R. A user in R had redeemed before the last right was gone, so neither of the two other outcomes fits all
  users."
  [{:keys [code final final-by-user] :as voucher} {:keys [user request-id]} {:keys [outcome operation]}]
  (when-not (= "redeemed" outcome)
    (let [of-user (final-by-user user)
          facts   {:code code, :user user, :request_id request-id, :operations [operation (:operation final)]}]
      (cond
        (some #(= request-id (:request_id %)) of-user)
        (finding :answers-agree (str "a request was told " outcome " and is in the report") facts)

        (= "sold_out" outcome)
        (when (seq of-user)
          (finding :answers-agree "sold out was told to a user who is in the report" facts))

        (not-any? #(asked-before? voucher % operation) of-user)
        (finding :answers-agree "already redeemed was told to a user without another redemption" facts)))))

(defn- judge-answers
  [{:keys [code final requests] :as voucher}]
  (mapcat (fn [{:keys [user request-id answers] :as request}]
            (cons (when (> (count answers) 1)
                    (finding :answers-agree "one request got different answers"
                             {:code       code
                              :user       user
                              :request_id request-id
                              :answers    (mapv #(select-keys % [:outcome :redemption :credited]) answers)
                              :operations (mapv :operation answers)}))
                  (when final (map #(judge-answer voucher request %) answers))))
          requests))

(defn- judge-numbers
  "In answers and in reports, one number stands for one redemption."
  [{:keys [code acknowledged reports]}]
  (let [claims (concat
                 (for [{:keys [user request-id] {:keys [redemption operation]} :acknowledged} acknowledged
                       :when (some? redemption)]
                   [redemption {:user user, :request_id request-id, :operation operation}])
                 (for [{:keys [redemptions operation]} reports
                       {:keys [redemption user request_id]} redemptions]
                   [redemption {:user user, :request_id request_id, :operation operation}]))]
    (:found
      (reduce (fn [{:keys [owners found]} [redemption claim]]
                (let [owner (get owners redemption claim)]
                  {:owners (assoc owners redemption owner)
                   :found  (if (= (select-keys owner [:user :request_id]) (select-keys claim [:user :request_id]))
                             found
                             (conj found (finding :redemptions-are-distinct "one number stands for two redemptions"
                                                  {:code       code
                                                   :redemption redemption
                                                   :requests   [(:request_id owner) (:request_id claim)]
                                                   :operations [(:operation owner) (:operation claim)]})))}))
              {:owners {}, :found []}
              claims))))

(defn- judge-report
  "A page has the requested redemptions, none twice, and a redemption in a page never changes."
  [{:keys [code final final-by-user]} {:keys [offset limit length redemptions operation] :as report}]
  (let [expected (min (or limit never) (max 0 (- length (or offset 0))))]
    (cons
      (when (not= expected (count redemptions))
        (finding :redemptions-are-distinct "a report has another number of redemptions than it should"
                 {:code code, :expected expected, :count (count redemptions), :operation operation}))
      (loop [[{:keys [user request_id] :as redemption} & more :as all] redemptions, seen #{}, found []]
        (if (empty? all)
          found
          (recur more
                 (conj seen [user request_id])
                 (cond-> found
                   (seen [user request_id])
                   (conj (finding :redemptions-are-distinct "a redemption is in a report twice"
                                  (assoc redemption :code code :operation operation)))

                   (and final (before? report final)
                        (not-any? #(= (select-keys % [:request_id :redemption])
                                      (select-keys redemption [:request_id :redemption]))
                                  (final-by-user user)))
                   (conj (finding :redemptions-are-distinct
                                  "a redemption was in a report and is not in the last one"
                                  (assoc redemption :code code :operations [operation (:operation final)]))))))))))

(defn- judge-acknowledged
  [{:keys [code terms final final-by-user acknowledged]}]
  (mapcat (fn [{:keys [user request-id] {:keys [redemption credited operation]} :acknowledged}]
            (let [facts      {:code code, :user user, :request_id request-id, :redemption redemption, :credited credited}
                  operations [operation (:operation final)]
                  kept       (filter #(= request-id (:request_id %)) (final-by-user user))]
              [(cond
                 (empty? kept)
                 (finding :acknowledged-is-kept "an acknowledged redemption is not in the report"
                          (assoc facts :operations operations))

                 (not-any? #(= redemption (:redemption %)) kept)
                 (finding :acknowledged-is-kept "an acknowledged redemption has another number in the report"
                          (assoc facts :reported (vec kept) :operations operations)))
               (when (and terms (not= credited (:amount terms)))
                 (finding :acknowledged-is-kept "another amount was credited than the voucher is worth"
                          (assoc facts :amount (:amount terms) :operation operation)))]))
          acknowledged))

(defn- judge-sold-out
  [{:keys [code terms final request sold-out]}]
  (when terms
    (let [invoked (->> (:redemptions final)
                       (map (fn [{:keys [user request_id]}]
                              (let [{:keys [first-possible first-invocation]
                                     :or   {first-possible never, first-invocation never}} (request [user request_id])]
                                (if (= never first-possible) first-invocation first-possible))))
                       sort vec)]
      (for [{:keys [user operation]} sold-out
            :let  [invoked-count (h/count-below invoked operation)]
            :when (< invoked-count (:limit terms))]
        (finding :sold-out-is-true "sold out was told before so many could have redeemed"
                 {:code code, :user user, :invoked-count invoked-count, :limit (:limit terms), :operation operation})))))

(defn- judge-final
  [{:keys [code final final-by-user request requests acknowledged] :as voucher}]
  (when final
    (let [operation           (:operation final)
          total               (count (:redemptions final))
          possible-user-count (count (distinct (map :user (remove #(= never (:first-possible %)) requests))))
          facts               {:code code, :count total, :acknowledged-count (count acknowledged)
                               :user-count possible-user-count, :operation operation}]
      (concat
        (for [[user redemptions] final-by-user :when (> (count redemptions) 1)]
          (finding :once-a-user "a user redeemed more than once"
                   {:code code, :user user, :redemptions redemptions, :operation operation}))
        (for [{:keys [user request_id] :as redemption} (:redemptions final)
              :let [asked (request [user request_id])
                    facts (assoc redemption :code code :operation operation)]]
          (cond
            (or (nil? asked) (> (:first-invocation asked) operation))
            (finding :nothing-unasked "a redemption was not requested" facts)

            (:failed-always asked)
            (finding :nothing-unasked "a redemption had only been refused" facts)))
        (judge-acknowledged voucher)
        [(when (< total (count acknowledged))
           (finding :as-many-as-asked "there are fewer redemptions than were acknowledged" facts))
         (when (> total possible-user-count)
           (finding :as-many-as-asked "there are more redemptions than users who may have redeemed" facts))]
        (judge-sold-out voucher)))))

(defn redemption-findings
  [{:keys [reports] :as voucher}]
  (concat (judge-limit voucher)
          (judge-counts voucher)
          (judge-answers voucher)
          (judge-numbers voucher)
          (mapcat #(judge-report voucher %) reports)
          (judge-final voucher)))
