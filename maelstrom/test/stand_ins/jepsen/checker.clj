(ns jepsen.checker
  "A stand-in: the parts that snowstorm.jepsen uses.")

(defprotocol Checker
  (check [checker test history opts]))
