(ns snowstorm.jepsen
  "What all workloads have in common in Jepsen: clients that ask and complete, drawing, last questions, and checkers.

  A client here turns an answer into the operation's completion by Maelstrom's table, as `maelstrom.client/with-errors` does: a
  definite error is :fail; any other one and a timeout are :info. It does so itself because some errors are the right answer to
  what was asked, and because an operation may ask several things. An answer that is not as declared is :info as well, and
  says why."
  (:require [clojure.walk :refer [keywordize-keys]]
            [jepsen.checker :as checker]
            [jepsen.client :as client]
            [jepsen.generator :as gen]
            [maelstrom.client :as c]
            [snowstorm.checker.activity :refer [activity with-activity]])
  (:import (clojure.lang ExceptionInfo)))

;; Asking

(defn ask
  "Calls an RPC made by `defrpc`. What comes of it is one of

    {:kind :ok, :body body}   all keys are keywords: Maelstrom has those of inner objects as texts
    {:kind :error, :name keyword, :text text, :definite? boolean}
    {:kind :timeout}
    {:kind :malformed, :text text}"
  [rpc {:keys [conn node]} request]
  (try
    {:kind :ok, :body (keywordize-keys (rpc conn node request))}
    (catch ExceptionInfo e
      (let [{:keys [type name definite? body]} (ex-data e)]
        (case type
          :rpc-error              {:kind :error, :name name, :text (:text body), :definite? (boolean definite?)}
          ::c/timeout             {:kind :timeout}
          :malformed-rpc-response {:kind :malformed, :text (ex-message e)}
          (throw e))))))

(defn error?
  [result name]
  (and (= :error (:kind result)) (= name (:name result))))

(defn answer
  "What a reply says, without what makes it a reply."
  [body]
  (dissoc body :type :in_reply_to :msg_id))

(defn complete
  "Completes an operation with the result of asking. `value-of` gives its value out of the reply; otherwise it keeps the one
  that it has."
  [op {:keys [kind body name text definite?]} value-of]
  (case kind
    :ok        (assoc op :type :ok, :value (value-of body))
    :error     (assoc op :type (if definite? :fail :info), :error [name text])
    :timeout   (assoc op :type :info, :error :net-timeout)
    :malformed (assoc op :type :info, :error [:malformed-reply text])))

;; Clients

(defrecord Client [net conn node shared operations]
  client/Client
  (open! [this _test node]
    (assoc this :conn (c/open! net) :node node))

  (setup! [_this _test])

  (invoke! [this _test {:keys [f] :as op}]
    ((or (operations f) (throw (ex-info (str "there is no operation " f) {:f f})))
     this op))

  (teardown! [_this _test])

  (close! [_this _test]
    (c/close! conn))

  ; Of one that is not, the connection is closed after an operation whose outcome is unknown; and a node that answers late to
  ; somebody who is not there is never heard of again.
  client/Reusable
  (reusable? [_this _test]
    true))

(defn client
  "A client whose operations are functions of the client and an operation, which give its completion.

    shared   what the clients of a run know together"
  [net shared operations]
  (map->Client {:net net, :shared shared, :operations operations}))

;; Drawing

(defn pick
  [items]
  (nth items (rand-int (count items))))

(defn weighted
  "A function that draws one of some values, each as often as its weight says."
  [& weights-and-values]
  (let [pairs (partition 2 weights-and-values)
        total (reduce + (map first pairs))]
    (fn []
      (loop [at (rand-int total), [[weight value] & more] pairs]
        (if (< at weight) value (recur (- at weight) more))))))

;; Last questions

(def ^:private patience-seconds
  "How long a last question is asked again before it is given up."
  10)

(def ^:private retry-seconds 1/10)

(defn one-by-one
  "Asks last questions one after the other, the ith of worker i mod askers, each of whom talks to another node. Each is asked
  until it is answered: the checker is to rest on all of them.

    make-questions   called when the first of them is due, so that they can be about all that was asked before"
  [{:keys [concurrency nodes]} make-questions]
  (let [askers (min concurrency (count nodes))]
    ; Jepsen's generators may be delays, which are forced when they are asked for their first operation.
    (delay
      (apply gen/phases
             (map-indexed (fn [index question]
                            (gen/on-threads #{(mod index askers)}
                                            (gen/time-limit patience-seconds
                                                            (gen/until-ok
                                                              (gen/delay retry-seconds (gen/repeat question))))))
                          (make-questions))))))

;; Checkers

(defn- settle-announcements
  "Jepsen's nemesis writes everything twice, first what is to be done and then what was. With which value a fault that is
  undone is announced depends on the fault; only what was done counts."
  [history]
  (first
    (reduce (fn [[ops announced] {:keys [process f] :as op}]
              (cond
                (integer? process) [(conj ops op) announced]
                (announced f)      [(conj ops op) (disj announced f)]
                :else              [(conj ops (assoc op :value nil)) (conj announced f)]))
            [[] #{}]
            history)))

(def ^:private nanoseconds-per-second 1000000000)

(defn facts-of
  "What a checker may know of a test besides its history. Maelstrom does nothing to single messages of its own accord, so no
  message met a fault that the history does not show, unless somebody says so."
  [{:keys [nodes concurrency latency unseen-faults]}]
  {:nodes             (vec nodes)
   :concurrency       concurrency
   :latency-mean-ms   (:mean latency)
   :hit-message-count (when-not unseen-faults 0)})

(defn checker
  "A Jepsen checker out of a function of the facts of a test and a history.

    work-of   of an operation that ended :ok, what new work it did, as `snowstorm.checker.activity/activity` takes it. Last
              questions do not count, which are asked after the time limit"
  [check work-of]
  (reify checker/Checker
    (check [_this {:keys [time-limit] :as test} history _opts]
      (with-activity (check (facts-of test) (settle-announcements history))
                     (activity work-of (some-> time-limit (* nanoseconds-per-second)) history)))))
