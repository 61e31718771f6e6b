(ns jepsen.checker
  "A stand-in: what snowstorm.jepsen uses of it.")

(defprotocol Checker
  (check [checker test history opts]))
