(ns maelstrom.client
  "A stand-in: `defrpc` and connections. A network is a function of the id of a node and the body of a request. It
  returns the body of the reply, or nil for none."
  (:require [clojure.walk :as walk]
            [schema.core :as s]))

(def rpc-registry (atom []))

(defn open!
  [net]
  {:net net, :next-msg-id (atom 0)})

(defn close!
  [_client])

(def ^:private names
  {1 :node-not-found, 10 :not-supported, 11 :temporarily-unavailable, 12 :malformed-request, 13 :crash, 14 :abort
   20 :key-does-not-exist, 21 :key-already-exists, 22 :precondition-failed, 30 :txn-conflict})

(defn- check-body
  [type schema body]
  (when-let [found (s/problem schema body)]
    (throw (ex-info (str "malformed: " found) {:type type, :body body}))))

(defn- as-read
  "A body as Maelstrom reads it: its own keys are keywords, those of inner objects texts."
  [body]
  (into {} (for [[k value] body] [(keyword k) (walk/stringify-keys value)])))

(defn rpc!
  [{:keys [net next-msg-id]} node type request-schema reply-schema body]
  (let [request (assoc body :type type :msg_id (swap! next-msg-id inc))
        _       (check-body :malformed-rpc-request (assoc request-schema :msg_id s/Int) request)
        reply   (net node request)]
    (when (nil? reply)
      (throw (ex-info "Client read timeout" {:type ::timeout, :name :timeout, :definite? false, :code 0})))
    (let [{:keys [code] :as reply} (assoc (as-read reply) :in_reply_to (:msg_id request))]
      (when (= "error" (:type reply))
        (throw (ex-info "error" {:type :rpc-error, :code code, :name (names code :unknown)
                                 :definite? (contains? (dissoc names 13) code), :body reply})))
      (check-body :malformed-rpc-response (assoc reply-schema :in_reply_to s/Int) reply)
      reply)))

(defmacro defrpc
  [fname docstring request-schema reply-schema]
  `(let [request-schema# ~request-schema
         reply-schema#   ~reply-schema
         type#           (:value (:type request-schema#))]
     (assert (string? type#))
     (swap! rpc-registry conj {:ns *ns*, :name '~fname, :doc ~docstring, :send request-schema#, :recv reply-schema#})
     (defn ~fname
       [client# dest# body#]
       (rpc! client# dest# type# request-schema# reply-schema# body#))))
