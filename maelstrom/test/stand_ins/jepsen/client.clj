(ns jepsen.client
  "A stand-in: the parts that snowstorm.jepsen uses.")

(defprotocol Client
  (open! [client test node])
  (close! [client test])
  (setup! [client test])
  (invoke! [client test operation])
  (teardown! [client test]))

(defprotocol Reusable
  (reusable? [client test]))
