(ns snowstorm.jepsen
  "What all workloads share in Jepsen: clients that ask and complete, drawing, final questions, and checkers.

  A client turns an answer into the operation's completion by Maelstrom's table, as `maelstrom.client/with-errors` does:
  a definite error is :fail; any other error and a timeout are :info. It does so itself because some errors are the
  right answer to a request, and because an operation may send several requests. An answer that is not as declared is
  :info, too, and says why."
  (:require [clojure.walk :refer [keywordize-keys]]
            [jepsen.checker :as checker]
            [jepsen.client :as client]
            [jepsen.generator :as gen]
            [maelstrom.client :as c]
            [snowstorm.checker.activity :refer [activity with-activity]])
  (:import (clojure.lang ExceptionInfo)))

;; Asking

(defn ask
  "Calls an RPC made by `defrpc`. The result is one of

    {:kind :ok, :body body}   all keys are keywords: Maelstrom leaves those of inner objects as texts
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
  "The fields of a reply, without those of the envelope."
  [body]
  (dissoc body :type :in_reply_to :msg_id))

(defn complete
  "Completes an operation with the result of `ask`. `value-of` takes its value from an ok reply; otherwise the value
  stays."
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

  ; Otherwise the connection is closed after an operation of unknown outcome. And Maelstrom stops listening to a node
  ; that answers late to a closed client.
  client/Reusable
  (reusable? [_this _test]
    true))

(defn client
  "A client whose operations are functions of the client and an operation, which return the completion.

    shared   an atom that the clients of a run share"
  [net shared operations]
  (map->Client {:net net, :shared shared, :operations operations}))

;; Drawing

(defn pick
  [items]
  (nth items (rand-int (count items))))

(defn weighted
  "A function that draws one of some values, in proportion to their weights."
  [& weights-and-values]
  (let [pairs (partition 2 weights-and-values)
        total (reduce + (map first pairs))]
    (fn []
      (loop [at (rand-int total), [[weight value] & more] pairs]
        (if (< at weight) value (recur (- at weight) more))))))

;; Final questions

(defn- patience-seconds
  "How long a final question is retried: 10 s and 100 round trips between nodes."
  [{:keys [mean] :or {mean 0}}]
  (+ 10 (/ (* 100 2 mean) 1000)))

(def ^:private retry-seconds 1/10)

(defn one-by-one
  "Asks final questions one after the other, the ith by worker i mod askers, each of which talks to a different node.
  Each is retried until it is answered, because the verdict needs all of them.

    make-questions   called when the first one is due, so that they can be about everything asked before"
  [{:keys [concurrency nodes latency]} make-questions]
  (let [askers (min concurrency (count nodes))]
    ; A Jepsen generator may be a delay, which is forced when its first operation is needed.
    (delay
      (apply gen/phases
             (map-indexed (fn [index question]
                            (gen/on-threads #{(mod index askers)}
                                            (gen/time-limit (patience-seconds latency)
                                                            (gen/until-ok
                                                              (gen/delay retry-seconds (gen/repeat question))))))
                          (make-questions))))))

;; Checkers

(defn- settle-announcements
  "Jepsen's nemesis records every step twice: first the intent, then the effect. The value of an announcement depends
  on the fault. Only the effect counts, so announcements lose their value."
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
  "What a checker may know of a test besides its history. Maelstrom injects no faults into single messages, so no
  message had a fault that the history does not show, unless --unseen-faults says so."
  [{:keys [nodes concurrency latency unseen-faults]}]
  {:nodes             (vec nodes)
   :concurrency       concurrency
   :latency-mean-ms   (:mean latency)
   :hit-message-count (when-not unseen-faults 0)})

(defn checker
  "A Jepsen checker from a function of the facts of a test and a history.

    work-of   of an operation that ended :ok, what new work it did, as `snowstorm.checker.activity/activity` takes it.
              Final questions do not count: they are asked after the time limit"
  [check work-of]
  (reify checker/Checker
    (check [_this {:keys [time-limit unseen-faults] :as test} history _opts]
      (with-activity (check (facts-of test) (settle-announcements history))
                     (activity work-of
                               (some-> time-limit (* nanoseconds-per-second))
                               (boolean (or unseen-faults (some #(= :nemesis (:process %)) history)))
                               history)))))
