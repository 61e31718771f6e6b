(ns snowstorm.checker.saga-accounts
  "The rules for balances: money moves but is never created, a balance is never below zero, and at the end an account
  shows what its transfers have moved. The opening balance is known from the `open` of the account. If it is unknown,
  no sums are compared."
  (:require [snowstorm.checker.findings :refer [finding]]
            [snowstorm.checker.saga-final :as f]
            [snowstorm.checker.saga-record :refer [account-in terminal?]]))

(defn- judge-sum
  [run final {:keys [accounts balances held operation] :as read}]
  (when (f/snapshot? final read)
    (let [openings (map #(:opening (account-in run %)) accounts)
          closed   (f/opened-closed-before final read)]
      (when (and closed (every? some? openings))
        (let [opened (reduce + closed openings)
              sum    (reduce + balances)]
          (when (not= opened (+ sum held))
            (finding :money-is-conserved
                     (if (< (+ sum held) opened) "money was lost" "there is more money than was opened with")
                     {:opened opened, :balances sum, :held held, :operation operation})))))))

(defn- judge-signs
  [{:keys [accounts balances operation]}]
  (for [[index balance] (map-indexed vector balances) :when (neg? balance)]
    (finding :no-overdraft "a balance is below zero"
             {:account (nth accounts index nil), :balance balance, :operation operation})))

(defn- versions-in
  "Pairs of an account and its version, nil if the read does not have it."
  [{:keys [accounts versions]}]
  (map-indexed (fn [index account] [account (nth versions index nil)]) accounts))

(defn- above?
  [version other]
  (boolean (and version other (> version other))))

(defn- raise
  "Keeps the highest version of each account."
  [highest {:keys [operation] :as read}]
  (reduce (fn [highest [account version]]
            (let [known (highest account)]
              (if (or (nil? known) (above? version (:version known)))
                (assoc highest account {:version version, :operation operation})
                highest)))
          highest
          (versions-in read)))

(defn- judge-versions
  "In real time."
  [reads]
  (loop [waiting (sort-by :operation reads), highest {}, [{:keys [invocation operation] :as read} & more :as all] reads
         found []]
    (cond
      (empty? all)
      found

      (and (seq waiting) (<= (:operation (first waiting)) invocation))
      (recur (rest waiting) (raise highest (first waiting)) all found)

      :else
      (recur waiting highest more
             (into found
                   (for [[account version] (versions-in read)
                         :let  [known (highest account)]
                         :when (and known (not (or (above? version (:version known))
                                                   (and version (= version (:version known))))))]
                     (finding :reads-are-current "the version of an account fell"
                              {:account account, :version version, :before (:version known)
                               :operations [(:operation known) operation]})))))))

(defn- judge-balances
  [reads]
  (:found
    (reduce (fn [{:keys [seen found]} [account version balance operation]]
              (let [known (get seen [account version] {:balance balance, :operation operation})]
                {:seen  (assoc seen [account version] known)
                 :found (if (= balance (:balance known))
                          found
                          (conj found (finding :reads-are-current "one version of an account has two balances"
                                               {:account account, :version version
                                                :balances [(:balance known) balance]
                                                :operations [(:operation known) operation]})))}))
            {:seen {}, :found []}
            (for [{:keys [balances operation] :as read} reads
                  [index [account version]] (map-indexed vector (versions-in read))]
              [account version (nth balances index nil) operation]))))

(defn- explain
  [unexplained {:keys [legs]}]
  (reduce (fn [unexplained {:keys [account amount]}]
            (if (contains? unexplained account)
              (update unexplained account - amount)
              unexplained))
          unexplained
          legs))

(defn- explain-late
  "Each of these transfers has moved everything or nothing. An account that only one of them uses shows which. Then the
  effect of that transfer is known for all its accounts, which may decide further transfers. Accounts that several
  undecided transfers use are left out."
  [unexplained transfers]
  (let [movers (frequencies (mapcat #(map :account (:legs %)) transfers))
        tells  (fn [{:keys [legs]}]
                 (first (filter #(and (= 1 (movers (:account %))) (contains? unexplained (:account %))) legs)))
        next   (first (filter tells transfers))]
    (if (nil? next)
      (reduce dissoc unexplained (keys movers))
      (let [{:keys [account amount]} (tells next)]
        (recur (if (= amount (unexplained account)) (explain unexplained next) unexplained)
               (remove #{next} transfers))))))

(defn- judge-effects
  "Whether the balances follow from the transfers, once all have settled."
  [run final {:keys [accounts balances unfinished operation] :as read}]
  (when (and (f/snapshot? final read) (f/after-all? final read))
    (let [effects     (group-by #(f/effect-in final read %) (:transfers run))
          ; By account, the difference that no transfer explains.
          unexplained (into {} (for [[index name] (map-indexed vector accounts)
                                     :let  [opening (:opening (account-in run name))]
                                     :when (some? opening)]
                                 [name (- (nth balances index ##NaN) opening)]))
          ; A closed account is empty.
          closed      (f/closed-before final read)
          unexplained (into unexplained (for [{:keys [name opening]} closed :when (some? opening)] [name (- opening)]))
          unexplained (reduce explain unexplained (:done effects))
          under-way?  (fn [{:keys [request-id] :as transfer}]
                        (let [state (:state (f/status-of final transfer))]
                          (or (and (some? state) (not (terminal? state)))
                              (some #{request-id} unfinished))))
          ; An unfinished transfer has moved a part. One that came too late for an answer has moved everything or
          ; nothing.
          unexplained (reduce dissoc unexplained (mapcat #(map :account (:legs %)) (filter under-way? (:unknown effects))))
          unexplained (explain-late unexplained (remove under-way? (:unknown effects)))]
      (for [account (distinct (concat accounts (map :name closed)))
            :let  [difference (unexplained account)]
            :when (and difference (not (zero? difference)))]
        (finding :all-or-nothing "an account has another balance than its transfers have made"
                 {:account account, :difference difference, :balance (get balances (.indexOf ^java.util.List accounts account) 0)
                  :operation operation})))))

(defn account-findings
  [{:keys [reads] :as run} final]
  (concat (map #(judge-sum run final %) reads)
          (mapcat judge-signs reads)
          (judge-versions reads)
          (judge-balances reads)
          (mapcat #(judge-effects run final %) reads)))
