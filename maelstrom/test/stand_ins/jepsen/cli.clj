(ns jepsen.cli
  "A stand-in: the parts that snowstorm.main uses."
  (:require [clojure.string :as str]))

(defn one-of
  [coll]
  (str "Must be one of " (str/join ", " (sort (map name (if (map? coll) (keys coll) coll))))))
