(ns snowstorm.checker.findings
  "The findings of a checker. A finding is a map with the :rule that it breaks, the :problem in a few words, and the
  facts: where and with which values. All findings of a rule are counted, and the first few kept as examples.")

(def listed-examples-max 8)

(defn finding
  [rule problem facts]
  (assoc facts :rule rule :problem problem))

(defn by-rule
  "For each of the rules {:count n, :examples [...]}."
  [rules findings]
  (let [groups (group-by :rule findings)]
    (assert (every? (set rules) (keys groups)) "a finding breaks a rule that there is not")
    (into {} (for [rule rules
                   :let [found (get groups rule [])]]
               [rule {:count    (count found)
                      :examples (mapv #(dissoc % :rule) (take listed-examples-max found))}]))))

(defn verdict
  "The result of a checker.

    rules      in the order in which they are reported
    findings   all findings
    facts      further facts for the result
    unknown    the evidence that is missing for a verdict, in words; nil if nothing is missing"
  [rules findings facts unknown]
  (let [reports (by-rule rules findings)
        broken  (first (filter #(pos? (:count (reports %))) rules))
        error   (if broken (-> reports broken :examples first :problem) unknown)]
    (cond-> (merge facts reports {:valid? (cond broken false, unknown :unknown, :else true)})
      error (assoc :error error))))
