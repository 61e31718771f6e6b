(ns jepsen.client
  "A stand-in: what snowstorm.jepsen uses of it.")

(defprotocol Client
  (open! [client test node])
  (close! [client test])
  (setup! [client test])
  (invoke! [client test operation])
  (teardown! [client test]))

(defprotocol Reusable
  (reusable? [client test]))
