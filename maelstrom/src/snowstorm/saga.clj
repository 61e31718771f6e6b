(ns snowstorm.saga
  "A transfer service for accounts in separate documents: all of a transfer happens or nothing, exactly once, even
  under crashes.

  ```json
  {\"type\": \"account_open\", \"account\": \"a\", \"balance\": 1000}
  {\"type\": \"account_open_ok\"}
  {\"type\": \"account_close\", \"account\": \"a\"}
  {\"type\": \"account_close_ok\"}
  ```

  An account is opened once. Opening it again with the same balance does nothing; with another balance the answer is
  error 21. An empty account can be closed, and stays closed.

  A transfer is from one account to another, or has legs: a leg with a negative amount takes from its account, one with
  a positive amount gives to it, and together they are 0. Amounts are integers in minor units.

  ```json
  {\"type\": \"transfer\", \"request_id\": \"r1\", \"from\": \"a\", \"to\": \"b\", \"amount\": 30}
  {\"type\": \"transfer_ok\", \"outcome\": \"committed\"}

  {\"type\": \"transfer\", \"request_id\": \"r2\", \"legs\": [{\"account\": \"a\", \"amount\": -30},
                                                   {\"account\": \"b\", \"amount\": 20},
                                                   {\"account\": \"c\", \"amount\": 10}]}
  {\"type\": \"transfer_ok\", \"outcome\": \"aborted\", \"reason\": \"insufficient funds\"}
  ```

  A replay of a request always gets the same answer. A different request with its request id is refused with error 22.
  The state of a transfer, and all states that it went through:

  ```json
  {\"type\": \"transfer_status\", \"request_id\": \"r1\"}
  {\"type\": \"transfer_status_ok\", \"state\": \"committed\",
   \"history\": [{\"state\": \"running\", \"at\": 0, \"node\": \"n1\", \"time\": \"2026-11-21T08:00:00.000Z\"}]}
  ```

  The states are running, compensating, committing, committed and aborted. `at` is the number of a stage or, of
  compensation, of a step.

  ```json
  {\"type\": \"audit\", \"accounts\": [\"a\", \"b\"]}
  {\"type\": \"audit_ok\", \"balances\": [970, 1000], \"versions\": [7, 3],
   \"unfinished\": [{\"request_id\": \"r1\", \"held\": 30}]}
  ```

  The balances and versions of accounts, and the unfinished transfers. Two audits with the same versions saw one
  moment. Then the balances, plus what the first audit shows as held, are all the money.

  Errors: 20 for an account or a request that does not exist, 21 for an account that was opened with another balance,
  22 for a request id that was used for another transfer and for an account that cannot be closed or opened in its
  state, 11 when nothing happened, 13 when it may have happened, 12 for what is not as declared.

  The test has few accounts, some of them in every other transfer, so that transfers conflict. It repeats requests at
  several nodes at the same time. Some accounts have too little, and some are closed when they happen to be empty. At
  the end everything settles without help, the status of every request is read and the money is counted. Only then are
  requests replayed, since a replay would finish abandoned work. After that everything is read again. The rules are in
  snowstorm.checker.saga."
  (:require [maelstrom.client :as c]
            [schema.core :as s]
            [snowstorm.checker.saga :as rules]
            [snowstorm.checker.saga-record :refer [accounts-of]]
            [snowstorm.jepsen :as j :refer [ask complete error?]]))

(c/defrpc account-open
  "Opens an account with a balance. Again with the same balance: nothing happens; with another one: error 21. A closed
  account stays closed (22)."
  {:type    (s/eq "account_open")
   :account s/Str
   :balance s/Int}
  {:type (s/eq "account_open_ok")})

(c/defrpc account-close
  "Closes an account that is empty (else 22) and that no transfer is working on (else 11). Already closed: nothing
  happens."
  {:type    (s/eq "account_close")
   :account s/Str}
  {:type (s/eq "account_close_ok")})

(c/defrpc transfer
  "Moves money between accounts, all of it or nothing: from one to another (`from`, `to`, `amount`), or by `legs`. A
  replay always gets the same answer; a different request with its request_id: error 22."
  {:type                    (s/eq "transfer")
   :request_id              s/Str
   (s/optional-key :from)   s/Str
   (s/optional-key :to)     s/Str
   (s/optional-key :amount) s/Int
   (s/optional-key :legs)   [{:account s/Str, :amount s/Int}]}
  {:type                    (s/eq "transfer_ok")
   :outcome                 (s/enum "committed" "aborted")
   (s/optional-key :reason) s/Str})

;; Maelstrom makes keywords only of the keys of a body. Keys of inner objects stay texts.

(c/defrpc transfer-status
  "The state of a transfer, the reason if it was aborted, and all states that it went through, oldest first."
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
  "The balances and versions of accounts, in the order of the request, and the unfinished transfers: on these accounts,
  or anywhere according to the index."
  {:type     (s/eq "audit")
   :accounts [s/Str]}
  {:type       (s/eq "audit_ok")
   :balances   [s/Int]
   :versions   [s/Int]
   :unfinished [{(s/required-key "request_id") s/Str
                 (s/required-key "held")       s/Int}]})

;; The accounts, and how money moves

(defn- holders
  [name number balance weight]
  (for [index (range number)] {:account (str name index), :balance balance, :weight weight}))

(def ^:private all-holders
  "Half of all draws are of the first ones. Accounts opened with nothing are closed now and then. Only little money
  moves there, so they are often empty."
  (concat (holders "hot" 4 1000 8)
          (holders "cold" 12 300 2)
          (holders "c" 3 0 2)
          [{:account "poor", :balance 5, :weight 2}]))

(def openings
  (mapv #(select-keys % [:account :balance]) all-holders))

(defn- successor-of
  "The account in the place of a first one: the first one itself, then its successors, with the same opening balance."
  [account number]
  (if (zero? number) account (str account "-" number)))

(def ^:private first-opening-of
  (into {} (map (juxt :account identity)) openings))

(defn- opening-of
  "The opening of an account; nil for one that no test names."
  [account]
  (when-let [opening (or (first-opening-of account)
                         (first-opening-of (second (re-matches #"(.+)-[1-9]\d*" account))))]
    (assoc opening :account account)))

(def ^:private accounts
  (mapv :account openings))

(def ^:private closable
  (into [] (comp (filter (comp zero? :balance)) (map :account)) openings))

(def ^:private lasting?
  "Accounts that are never closed."
  (into #{} (comp (remove (comp zero? :balance)) (map :account)) openings))

(def ^:private closes-per-account
  "After this many attempts to close an account, its successor is opened. So many that hardly any account is left open."
  12)

(def ^:private predecessor-interval
  "One in this many draws is of the predecessor, which may still be open."
  8)

(def ^:private late-close-interval 4)

(def ^:private audit-length-max
  "Accounts in one audit."
  100)

(def ^:private draw-account
  (apply j/weighted (mapcat (juxt :weight :account) all-holders)))

(def ^:private amount-max 120)

(def ^:private small-amount-max
  "If an account that is to be closed takes part."
  3)

(def ^:private shapes
  "Debits and credits of the transfers with more than two accounts."
  [[1 2] [2 1] [2 2]])

(def ^:private recent-max
  "How many of the latest requests may be replayed, read, or sent with another body."
  8)

;; So many parts that each is answered in time, even in a long run on a slow network.
(def ^:private status-parts 64)
(def ^:private replay-parts 16)

(def ^:private status-attempts
  "How often one read of a part is tried before the whole part is retried."
  3)

(def ^:private replays-max
  "The most replays in one part. On a slow network, more would exceed the time of a final question."
  6)

;; What the clients of a run share: which accounts exist, which transfers were requested, and which were answered. A
;; client opens an account first if no client was told yet that it is open. A client asks for the original transfer
;; first before it sends another one under a request id without an answer. So an operation means the same at any place
;; in a run.

(def ^:private nothing-known
  {; Accounts that a client was told are or were open.
   :opened       #{}
   ; Those of them that no client was told are closed.
   :open         #{}
   ; How often an account may have been closed.
   :close-counts {}
   ; The ids of all requests of any operation, in the order in which the operations began.
   :asked        {:order [], :ids #{}}
   ; Requests, in the order of their first answers.
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
    ; A closed account stays closed. It was opened, and that is all that is wanted.
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
  "Runs `act` once its accounts exist. If one may not exist, nothing is done, and that is certain."
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
  "Runs `act` on a transfer once its accounts exist. Its status is read at the end even if they do not: then it must
  not exist."
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
  "The named accounts and, if :others is true, all others known to be open, up to the length of one audit."
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
  "An account with money is not closed, and that is an answer."
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
  "A refusal is the right answer, and so it is :ok. Only after an answer to the original is it certain which of the two
  has the request id."
  [{:keys [shared] :as client} {{:keys [original] :as value} :value :as op}]
  (let [other (dissoc value :original)]
    (when-possible client op original
      (fn []
        (let [known? (contains? (-> @shared :acknowledged :ids) (:request_id original))
              before (when-not known? (transfer! client original))]
          (if (and before (not= :ok (:kind before)))
            ; The original may have happened, but the other transfer was never sent.
            (assoc (complete op before nil) :type :fail)
            (let [result (ask transfer client other)]
              (if (error? result :precondition-failed)
                (assoc op :type :ok, :value (assoc value :refused true))
                (complete op result #(merge value {:refused false} (j/answer %)))))))))))

(defn- read-status
  "An unknown request is an answer, too: it may never have arrived."
  [client {{:keys [request_id]} :value :as op}]
  (let [result (ask transfer-status client {:request_id request_id})]
    (if (error? result :key-does-not-exist)
      (assoc op :type :ok, :value {:request_id request_id, :state nil})
      (complete op result #(assoc (j/answer %) :request_id request_id)))))

(defn- read-statuses
  "Reads every request of its part. A read changes nothing, so a missing answer leaves nothing unknown, and the read
  can be retried. Of many reads one is often lost if messages get lost to the end, as with bin/chaos."
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
  "Reads twice: only unchanged versions show that everything was read at one moment."
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
  "Replays answered transfers of a part, mostly at another node: some early ones and some late ones."
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

;; Drawing operations

(defn- split
  [total parts]
  (if (= 1 parts)
    [total]
    (let [part (inc (rand-int (inc (- total parts))))]
      (cons part (split (- total part) (dec parts))))))

(defn- current
  "The current account in the place of a first one."
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
  "Accounts that are to be closed pay more often than they are paid. Otherwise they would hardly ever be empty."
  [drawn debits]
  (let [payer (first (filter #(lasting? (drawn %)) (range debits)))
        payee (first (remove #(lasting? (drawn %)) (range debits (count drawn))))]
    (if (and payer payee (pos? (rand-int 2)))
      (assoc drawn payer (drawn payee), payee (drawn payer))
      drawn)))

(defn- movement
  "A movement between two accounts or, half the time, between more."
  [places]
  (let [pair?            (zero? (rand-int 2))
        [debits credits] (if pair? [1 1] (j/pick shapes))
        drawn            (make-payers (distinct-accounts places (+ debits credits)) debits)
        least            (max debits credits)
        most             (if (every? lasting? drawn) amount-max small-amount-max)
        total            (+ least (rand-int (inc (- most least))))]
    (if pair?
      {:from (drawn 0), :to (drawn 1), :amount total}
      ; The order of the legs is the order of the steps; any order is right.
      {:legs (vec (shuffle (map (fn [account amount] {:account account, :amount amount})
                                drawn
                                (concat (map - (split total debits)) (split total credits)))))})))

(defn- otherwise
  "The same transfer with one more minor unit. It must be refused."
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
  "The first accounts, and all others that are open at that time."
  {:accounts accounts, :others true})

(defn- drawing
  "Functions that draw operations. They share what was drawn."
  []
  (let [; In every request id, so that two drawings never use one id for two transfers.
        prefix  (format "%08x" (rand-int Integer/MAX_VALUE))
        ; How many were drawn, and the latest ones, newest first.
        drawn   (atom {:number 0, :recent ()})
        ; By first account, the current number of each account that is closed now and then.
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
     ; Mostly the latest request, which another node may be busy with.
     :again          #(do {:f :transfer, :value (if (zero? (rand-int 2)) (newest) (recent))})
     :status         #(do {:f :status, :value (select-keys (recent) [:request_id])})
     :audit          #(do {:f :audit, :value all-accounts})
     :short-audit    #(do {:f     :audit
                           :value {:accounts (mapv (partial current @places)
                                                   (take (inc (rand-int 4)) (shuffle accounts)))}})
     :close          close
     :open           #(do {:f :open, :value (opening)})
     :open-otherwise #(do {:f :open-otherwise, :value (update (opening) :balance inc)})
     ; Openings that are due and not drawn yet.
     :due            #(when-let [opening (first @due)]
                        (swap! due (comp vec rest))
                        {:f :open, :value opening})
     :otherwise      #(otherwise (recent))
     ; With a request that was never sent.
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
            ; Fresh ones, which must be answered after any faults.
            (doall (repeatedly 2 (:transfer of)))
            ; Before any replay, so that the nodes alone finish what is left.
            [settled]
            (in-parts :statuses status-parts)
            [((:audit of))]
            ; Shuffled, so that another node is asked than for the statuses.
            (shuffle (in-parts :replay replay-parts))
            ; With fresh requests: this drawing does not know the requests of the run.
            (doall (repeatedly 4 (:fresh of)))
            ; Operations that a run may have done only once or twice, and then under faults.
            [((:open-otherwise of)) ((:status of)) ((:close of))]
            [settled]
            (in-parts :statuses status-parts)
            [((:audit of))])))

(defn work-of
  "New work is a committed transfer that no answer told before."
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
