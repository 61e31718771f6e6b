(ns snowstorm.saga
  "A service of transfers between accounts that are kept apart: all of a transfer happens or nothing, exactly once, whatever
  crashes.

  ```json
  {\"type\": \"account_open\", \"account\": \"a\", \"balance\": 1000}
  {\"type\": \"account_open_ok\"}
  {\"type\": \"account_close\", \"account\": \"a\"}
  {\"type\": \"account_close_ok\"}
  ```

  An account is opened once; again with the same balance nothing happens, with another one the answer is error 21. One that is
  empty can be closed, and stays so.

  A transfer is from one account to another, or has legs: a leg with a negative amount takes from its account, one with a positive
  amount gives to it, and together they are 0. Amounts are integers in minor units.

  ```json
  {\"type\": \"transfer\", \"request_id\": \"r1\", \"from\": \"a\", \"to\": \"b\", \"amount\": 30}
  {\"type\": \"transfer_ok\", \"outcome\": \"committed\"}

  {\"type\": \"transfer\", \"request_id\": \"r2\", \"legs\": [{\"account\": \"a\", \"amount\": -30},
                                                   {\"account\": \"b\", \"amount\": 20},
                                                   {\"account\": \"c\", \"amount\": 10}]}
  {\"type\": \"transfer_ok\", \"outcome\": \"aborted\", \"reason\": \"insufficient funds\"}
  ```

  The same request again gets the same answer for ever; another one with its request id is refused with error 22. How far a
  transfer is, and all states that it came through:

  ```json
  {\"type\": \"transfer_status\", \"request_id\": \"r1\"}
  {\"type\": \"transfer_status_ok\", \"state\": \"committed\",
   \"history\": [{\"state\": \"running\", \"at\": 0, \"node\": \"n1\", \"time\": \"2026-11-21T08:00:00.000Z\"}]}
  ```

  The states are running, compensating, committing, committed and aborted. `at` is the number of a stage or, of compensation,
  of a step.

  ```json
  {\"type\": \"audit\", \"accounts\": [\"a\", \"b\"]}
  {\"type\": \"audit_ok\", \"balances\": [970, 1000], \"versions\": [7, 3],
   \"unfinished\": [{\"request_id\": \"r1\", \"held\": 30}]}
  ```

  What accounts have and in which version, and then what is not finished. Two audits with the same versions saw one moment, and
  then balances and what the first found held are all the money there is.

  Errors: 20 for an account or a request that does not exist, 21 for an account that was opened with another balance, 22 for a
  request id that was used for another transfer and for an account that cannot be closed or opened in its state, 11 when
  nothing happened, 13 when it may have happened, 12 for what is not as declared.

  The test has few accounts, some of them in every other transfer, so that transfers meet; the same request again and again, of
  several nodes at the same time; accounts with too little, and accounts that are closed when they happen to be empty. In the end
  everything settles by itself, the status of every request is read and the money is counted; only then requests are asked once
  more, since that alone would finish what a node has left half done. After that everything is read again. The rules are told
  in snowstorm.checker.saga."
  (:require [maelstrom.client :as c]
            [schema.core :as s]
            [snowstorm.checker.saga :as rules]
            [snowstorm.checker.saga-record :refer [accounts-of]]
            [snowstorm.jepsen :as j :refer [ask complete error?]]))

(c/defrpc account-open
  "Opens an account with a balance. Again with the same balance: nothing happens; with another one: error 21. What was closed
  stays closed (22)."
  {:type    (s/eq "account_open")
   :account s/Str
   :balance s/Int}
  {:type (s/eq "account_open_ok")})

(c/defrpc account-close
  "Closes an account that is empty (else 22) and that no transfer is working on (else 11). Closed already: nothing happens."
  {:type    (s/eq "account_close")
   :account s/Str}
  {:type (s/eq "account_close_ok")})

(c/defrpc transfer
  "Moves money between accounts, all of it or nothing: from one to another (`from`, `to`, `amount`), or by `legs`. The same
  request again gets the same answer for ever; another one with its request_id: error 22."
  {:type                    (s/eq "transfer")
   :request_id              s/Str
   (s/optional-key :from)   s/Str
   (s/optional-key :to)     s/Str
   (s/optional-key :amount) s/Int
   (s/optional-key :legs)   [{:account s/Str, :amount s/Int}]}
  {:type                    (s/eq "transfer_ok")
   :outcome                 (s/enum "committed" "aborted")
   (s/optional-key :reason) s/Str})

;; Maelstrom makes keywords of the keys of a body only; those of objects in it are texts.

(c/defrpc transfer-status
  "How far a transfer is, why it was aborted if it was, and all states that it came through, the oldest first."
  {:type       (s/eq "transfer_status")
   :request_id s/Str}
  {:type                    (s/eq "transfer_status_ok")
   :state                   (s/enum "running" "compensating" "committing" "committed" "aborted")
   (s/optional-key :reason) s/Str
   :history                 [{(s/required-key "state") s/Str
                              (s/required-key "at")    s/Int
                              (s/required-key "node")  s/Str
                              (s/required-key "time")  s/Str}]})

(c/defrpc audit
  "What accounts have and in which version, in the order in which they were named, and then what is not finished: on them, or
  anywhere by the index."
  {:type     (s/eq "audit")
   :accounts [s/Str]}
  {:type       (s/eq "audit_ok")
   :balances   [s/Int]
   :versions   [s/Int]
   :unfinished [{(s/required-key "request_id") s/Str
                 (s/required-key "held")       s/Int}]})

;; Whose money is moved, and how

(defn- holders
  [name number balance weight]
  (for [index (range number)] {:account (str name index), :balance balance, :weight weight}))

(def ^:private all-holders
  "Half of all draws are of the first ones. One that is opened with nothing is closed now and then, and only little money comes
  and goes there, so that it is empty often."
  (concat (holders "hot" 4 1000 8)
          (holders "cold" 12 300 2)
          (holders "c" 3 0 2)
          [{:account "poor", :balance 5, :weight 2}]))

(def openings
  (mapv #(select-keys % [:account :balance]) all-holders))

(defn- successor-of
  "The account that takes the place of a first one: the first one itself, then others. They are opened with as much."
  [account number]
  (if (zero? number) account (str account "-" number)))

(def ^:private first-opening-of
  (into {} (map (juxt :account identity)) openings))

(defn- opening-of
  "What an account is opened with; nil for one that no test names."
  [account]
  (when-let [opening (or (first-opening-of account)
                         (first-opening-of (second (re-matches #"(.+)-[1-9]\d*" account))))]
    (assoc opening :account account)))

(def ^:private accounts
  (mapv :account openings))

(def ^:private closable
  (into [] (comp (filter (comp zero? :balance)) (map :account)) openings))

(def ^:private lasting?
  "Those that are never closed."
  (into #{} (comp (remove (comp zero? :balance)) (map :account)) openings))

(def ^:private closes-per-account
  "After so many attempts to close an account its successor is opened: so many that hardly any account is left open."
  12)

(def ^:private predecessor-interval
  "One in so many draws is of the predecessor, which may have been left open."
  8)

(def ^:private late-close-interval 4)

(def ^:private audit-length-max
  "Accounts in one audit."
  100)

(def ^:private draw-account
  (apply j/weighted (mapcat (juxt :weight :account) all-holders)))

(def ^:private amount-max 120)

(def ^:private small-amount-max
  "Where an account that is to be closed takes part."
  3)

(def ^:private shapes
  "Debits and credits of the transfers with more than two accounts."
  [[1 2] [2 1] [2 2]])

(def ^:private recent-max
  "Of the requests drawn last, so many may be asked again, asked about and asked otherwise."
  8)

;; So many that those of a long run on a slow network are still answered in the time that a last question has.
(def ^:private status-parts 64)
(def ^:private replay-parts 16)

(def ^:private status-attempts
  "How often a question of a part is asked before the part is given up, to be asked anew from its beginning."
  3)

(def ^:private replays-max
  "Of one part. More, and an answer to all of them would take a slow network longer than a last question may take."
  6)

;; What the clients of a run know together: which accounts there are, which transfers were asked for, and which of them were
;; answered. Whoever finds that nobody in the run was told yet that an account is open opens it first, and whoever wants another
;; transfer under a request id that nobody was answered yet asks for the original one first. So an operation means the same
;; wherever it comes.

(def ^:private nothing-known
  {; Of which accounts anybody was told that they are open, or were.
   :opened       #{}
   ; Those of them of which nobody was told that they are closed.
   :open         #{}
   ; How often an account may have been closed.
   :close-counts {}
   ; The ids of all requests that any operation was about, in the order in which those began.
   :asked        {:order [], :ids #{}}
   ; Requests, in the order in which they were first answered.
   :acknowledged {:order [], :ids #{}}})

(defn- add-once
  [{:keys [ids] :as known} id item]
  (if (contains? ids id)
    known
    (-> known (update :order conj item) (update :ids conj id))))

(defn- take-part
  [{:keys [part parts]} items]
  (take-nth parts (drop part items)))

(defn- open!
  [{:keys [shared] :as client} op opening]
  (let [account (:account opening)
        result  (ask account-open client opening)]
    (when (= :ok (:kind result))
      (swap! shared #(if (contains? (:opened %) account)
                       %
                       (-> % (update :opened conj account) (update :open conj account)))))
    ; What is closed stays closed; it was opened, and that is all there is to want.
    (if (and (error? result :precondition-failed) (pos? (get-in @shared [:close-counts account] 0)))
      (assoc op :type :ok, :value (assoc opening :closed true))
      (complete op result (constantly opening)))))

(defn- close!
  [{:keys [shared] :as client} account]
  (swap! shared update-in [:close-counts account] (fnil inc 0))
  (let [{:keys [kind definite?] :as result} (ask account-close client {:account account})]
    (when (= :ok kind)
      (swap! shared update :open disj account))
    (when (and (= :error kind) definite?)
      (swap! shared update-in [:close-counts account] dec))
    result))

(defn- when-opened
  "Carries `act` out on accounts that exist. If it may be that one does not nothing is done, and that is certain."
  [{:keys [shared] :as client} {:keys [value] :as op} accounts act]
  (loop [[account & more :as all] accounts]
    (if (empty? all)
      (act)
      (let [opening (or (opening-of account) (throw (ex-info (str "there is no account " account) {})))
            opened  (when-not (contains? (:opened @shared) account) (open! client op opening))]
        (if (or (nil? opened) (= :ok (:type opened)))
          (recur more)
          (assoc opened :type :fail, :value value))))))

(defn- when-possible
  "Carries `act` out on a transfer when its accounts exist. It is asked about in the end even if they do not: then there must be
  none."
  [{:keys [shared] :as client} op request act]
  (let [id (:request_id request)]
    (swap! shared update :asked add-once id id)
    (when-opened client op (accounts-of request) act)))

(defn- transfer!
  [{:keys [shared] :as client} request]
  (let [result (ask transfer client request)
        id     (:request_id request)]
    (when (= :ok (:kind result))
      (swap! shared update :acknowledged add-once id request))
    result))

(defn- audited
  "The accounts that are named and, if :others is true, all others that are open as far as anybody was told: as many as one audit
  takes."
  [{:keys [shared]} {:keys [accounts others]}]
  (vec (take audit-length-max
             (concat accounts (when others (sort (remove (set accounts) (:open @shared))))))))

;; The operations of a client

(defn- opening
  [client {:keys [value] :as op}]
  (open! client op value))

(defn- other-opening
  "A refusal is the right answer, and so is :ok."
  [client {:keys [value] :as op}]
  (when-opened client op [(:account value)]
    (fn []
      (let [result (ask account-open client value)]
        (if (or (error? result :key-already-exists) (error? result :precondition-failed))
          (assoc op :type :ok, :value (assoc value :refused true))
          (complete op result (constantly (assoc value :refused false))))))))

(defn- closing
  "An account that has something is not closed, and that is an answer."
  [client {{:keys [account]} :value :as op}]
  (when-opened client op [account]
    (fn []
      (let [result (close! client account)]
        (if (error? result :precondition-failed)
          (assoc op :type :ok, :value {:account account, :closed false})
          (complete op result (constantly {:account account, :closed true})))))))

(defn- transferring
  [client {:keys [value] :as op}]
  (when-possible client op value
                 #(complete op (transfer! client value) (fn [body] (merge value (j/answer body))))))

(defn- other-transfer
  "A refusal is the right answer, and so is :ok. Only once the original was answered is it sure which of the two has the request
  id."
  [{:keys [shared] :as client} {{:keys [original] :as value} :value :as op}]
  (let [other (dissoc value :original)]
    (when-possible client op original
      (fn []
        (let [known? (contains? (-> @shared :acknowledged :ids) (:request_id original))
              before (when-not known? (transfer! client original))]
          (if (and before (not= :ok (:kind before)))
            ; The original may have happened, but what is asked about here was never sent.
            (assoc (complete op before nil) :type :fail)
            (let [result (ask transfer client other)]
              (if (error? result :precondition-failed)
                (assoc op :type :ok, :value (assoc value :refused true))
                (complete op result #(merge value {:refused false} (j/answer %)))))))))))

(defn- read-status
  "That nobody has heard of a request is an answer as well: it may never have arrived."
  [client {{:keys [request_id]} :value :as op}]
  (let [result (ask transfer-status client {:request_id request_id})]
    (if (error? result :key-does-not-exist)
      (assoc op :type :ok, :value {:request_id request_id, :state nil})
      (complete op result #(assoc (j/answer %) :request_id request_id)))))

(defn- read-statuses
  "Of every request of its part. Nothing is changed by asking, so an answer that is missing leaves nothing unknown, and what was
  not answered can be asked again: of many questions one is often lost where messages get lost to the end, as with bin/chaos."
  [{:keys [shared] :as client} {:keys [value] :as op}]
  (loop [[id & more :as all] (take-part value (-> @shared :asked :order)), statuses []]
    (if (empty? all)
      (assoc op :type :ok, :value (assoc value :statuses statuses))
      (let [asked    (repeatedly status-attempts #(read-status client (assoc op :value {:request_id id})))
            answered (first (filter #(= :ok (:type %)) asked))
            status   (or answered (last asked))]
        (if answered
          (recur more (conj statuses (:value status)))
          (assoc status :type :fail, :value value))))))

(defn- auditing
  "Twice, since only versions that have not changed show that everything was read at one moment."
  [client {:keys [value] :as op}]
  (let [accounts (audited client value)]
    (when-opened client op accounts
      (fn []
        (let [once  (ask audit client {:accounts accounts})
              twice (when (= :ok (:kind once)) (ask audit client {:accounts accounts}))]
          (complete op
                    (or twice once)
                    (fn [body]
                      (merge {:accounts accounts}
                             (j/answer (:body once))
                             {:clean (= (-> once :body :versions) (:versions body))}))))))))

(defn- settling
  [client {:keys [value] :as op}]
  (let [accounts (audited client value)]
    (when-opened client op accounts
      (fn []
        (let [result     (ask audit client {:accounts accounts})
              unfinished (-> result :body :unfinished)]
          (if (seq unfinished)
            (assoc op :type :fail, :error [:unfinished (mapv :request_id unfinished)])
            (complete op result #(merge {:accounts accounts} (j/answer %)))))))))

(defn- replaying
  "Asks for transfers again that somebody, mostly at another node, was answered before: some of a part, early ones and late
  ones."
  [{:keys [shared] :as client} {:keys [value] :as op}]
  (let [all      (vec (take-part value (-> @shared :acknowledged :order)))
        total    (min (count all) replays-max)
        requests (for [index (range total)] (nth all (quot (* index (count all)) total)))]
    (loop [[request & more :as waiting] requests, answers []]
      (if (empty? waiting)
        (assoc op :type :ok, :value (assoc value :answers answers))
        (let [{:keys [kind body] :as result} (transfer! client request)]
          (if (= :ok kind)
            (recur more (conj answers (assoc (j/answer body) :request_id (:request_id request))))
            (complete op result nil)))))))

(def ^:private operations
  {:open               opening
   :open-otherwise     other-opening
   :close              closing
   :transfer           transferring
   :transfer-otherwise other-transfer
   :status             read-status
   :audit              auditing
   :settled            settling
   :statuses           read-statuses
   :replay             replaying})

;; What is asked

(defn- split
  [total parts]
  (if (= 1 parts)
    [total]
    (let [part (inc (rand-int (inc (- total parts))))]
      (cons part (split (- total part) (dec parts))))))

(defn- current
  "Which account is there by now, in the place of a first one."
  [places account]
  (successor-of account (:number (places account) 0)))

(defn- distinct-accounts
  [places number]
  (vec (take number
             (distinct
               (repeatedly
                 (fn []
                   (let [account (draw-account)
                         now     (:number (places account) 0)]
                     (if (and (pos? now) (zero? (rand-int predecessor-interval)))
                       (successor-of account (dec now))
                       (current places account)))))))))

(defn- make-payers
  "Accounts that are to be closed pay more often than they are paid, or they would hardly ever be empty."
  [drawn debits]
  (let [payer (first (filter #(lasting? (drawn %)) (range debits)))
        payee (first (remove #(lasting? (drawn %)) (range debits (count drawn))))]
    (if (and payer payee (pos? (rand-int 2)))
      (assoc drawn payer (drawn payee), payee (drawn payer))
      drawn)))

(defn- movement
  "Between two accounts, or in every other case between more of them."
  [places]
  (let [pair?            (zero? (rand-int 2))
        [debits credits] (if pair? [1 1] (j/pick shapes))
        drawn            (make-payers (distinct-accounts places (+ debits credits)) debits)
        least            (max debits credits)
        most             (if (every? lasting? drawn) amount-max small-amount-max)
        total            (+ least (rand-int (inc (- most least))))]
    (if pair?
      {:from (drawn 0), :to (drawn 1), :amount total}
      ; The order of the legs is the order of the steps, and any will do.
      {:legs (vec (shuffle (map (fn [account amount] {:account account, :amount amount})
                                drawn
                                (concat (map - (split total debits)) (split total credits)))))})))

(defn- otherwise
  "The same with one more minor unit. It must be refused."
  [{:keys [legs] :as original}]
  (let [first-of (fn [sign?] (:account (first (filter (comp sign? :amount) legs))))
        [debit credit] [(first-of neg?) (first-of pos?)]]
    {:f     :transfer-otherwise
     :value (assoc (if legs
                     (assoc original :legs (mapv (fn [{:keys [account] :as leg}]
                                                   (cond-> leg
                                                     (= debit account)  (update :amount dec)
                                                     (= credit account) (update :amount inc)))
                                                 legs))
                     (update original :amount inc))
                   :original original)}))

(def ^:private all-accounts
  "The first accounts, and whatever else is open when it is asked."
  {:accounts accounts, :others true})

(defn- drawing
  "Functions that draw operations, and know what was drawn."
  []
  (let [; In every request id, so that what two drawings draw never means two transfers by one id.
        prefix  (format "%08x" (rand-int Integer/MAX_VALUE))
        ; How many were drawn, and the last ones, the newest one first.
        drawn   (atom {:number 0, :recent ()})
        ; By the first account of its place, which accounts that are closed now and then have come to.
        places  (atom (into {} (for [account closable] [account {:number 0, :close-count 0}])))
        due     (atom [])
        opening #(update (j/pick openings) :account (partial current @places))
        close   (fn []
                  (let [first-one (j/pick closable)
                        {:keys [number close-count]} (@places first-one)
                        late?     (and (pos? number) (zero? (rand-int late-close-interval)))
                        last?     (= closes-per-account (inc close-count))]
                    (when-not late?
                      (swap! places assoc first-one (if last?
                                                      {:number (inc number), :close-count 0}
                                                      {:number number, :close-count (inc close-count)}))
                      (when last?
                        (swap! due conj (opening-of (current @places first-one)))))
                    {:f :close, :value {:account (successor-of first-one (if late? (dec number) number))}}))
        request #(first (:recent (swap! drawn (fn [{:keys [number recent]}]
                                                {:number (inc number)
                                                 :recent (take recent-max
                                                               (cons (assoc (movement @places)
                                                                            :request_id (str prefix "-t" number))
                                                                     (doall recent)))}))))
        newest  #(or (first (:recent @drawn)) (request))
        recent  #(do (newest) (j/pick (vec (:recent @drawn))))]
    {:transfer       #(do {:f :transfer, :value (request)})
     ; Mostly what was drawn last, which by now another node may be busy with.
     :again          #(do {:f :transfer, :value (if (zero? (rand-int 2)) (newest) (recent))})
     :status         #(do {:f :status, :value (select-keys (recent) [:request_id])})
     :audit          #(do {:f :audit, :value all-accounts})
     :short-audit    #(do {:f     :audit
                           :value {:accounts (mapv (partial current @places)
                                                   (take (inc (rand-int 4)) (shuffle accounts)))}})
     :close          close
     :open           #(do {:f :open, :value (opening)})
     :open-otherwise #(do {:f :open-otherwise, :value (update (opening) :balance inc)})
     ; What is to be opened, and nobody was asked to yet.
     :due            #(when-let [opening (first @due)]
                        (swap! due (comp vec rest))
                        {:f :open, :value opening})
     :otherwise      #(otherwise (recent))
     ; Of a request that nobody has asked yet.
     :fresh          #(otherwise (request))}))

(defn- opens
  []
  (mapv (fn [opening] {:f :open, :value opening}) openings))

(defn- generator
  []
  (let [of   (drawing)
        draw (apply j/weighted (mapcat (fn [[weight kind]] [weight (of kind)])
                                       [[50 :transfer] [18 :again] [8 :status] [8 :audit] [2 :short-audit] [3 :close]
                                        [3 :open] [1 :open-otherwise] [4 :otherwise]]))]
    [(opens)
     (fn [] (or ((:due of)) ((draw))))]))

(defn- last-questions
  []
  (let [of       (drawing)
        in-parts (fn [f parts] (for [part (range parts)] {:f f, :value {:part part, :parts parts}}))
        settled  {:f :settled, :value all-accounts}]
    (concat (opens)
            ; Fresh ones: however much was broken, these must be answered.
            (doall (repeatedly 2 (:transfer of)))
            ; Before anything is asked again, so that nothing but the nodes themselves finishes what is left.
            [settled]
            (in-parts :statuses status-parts)
            [((:audit of))]
            ; Shuffled, so that it is another node's turn than when the requests were asked about before.
            (shuffle (in-parts :replay replay-parts))
            ; Of fresh requests: here nobody knows what others have drawn.
            (doall (repeatedly 4 (:fresh of)))
            ; What a run may have asked once or twice only, and then under faults.
            [((:open-otherwise of)) ((:status of)) ((:close of))]
            [settled]
            (in-parts :statuses status-parts)
            [((:audit of))])))

(defn work-of
  "Work is a transfer that was committed, and nobody was told of before."
  [{:keys [f value]}]
  (when (and (= :transfer f) (= "committed" (:outcome value)))
    (:request_id value)))

(defn workload
  "The workload, given the options of a test: {:net a Maelstrom network, :nodes [...], :concurrency n}"
  [{:keys [net] :as opts}]
  {:client          (j/client net (atom nothing-known) operations)
   :generator       (generator)
   :final-generator (j/one-by-one opts last-questions)
   :checker         (j/checker rules/check work-of)})
