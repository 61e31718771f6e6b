(ns snowstorm.support.json
  "A JSON reader with what the tests need, since there is no library here. Objects become maps with keyword keys,
  arrays vectors, null nil. Integers are exact; a text that is not JSON is refused."
  (:import (java.io PushbackReader StringReader)))

(declare read-value)

(defn- fail
  [what]
  (throw (ex-info (str "not JSON: " what) {})))

(defn- next-char
  "The next character, or nil at the end."
  [^PushbackReader in]
  (let [code (.read in)]
    (when-not (neg? code) (char code))))

(defn- next-token
  "The next character that is not white space."
  [in]
  (loop []
    (let [c (next-char in)]
      (if (#{\space \tab \newline \return} c) (recur) c))))

(defn- unread
  [^PushbackReader in c]
  (when c (.unread in (int c))))

(defn- read-escape
  [in]
  (let [c (next-char in)]
    (case c
      (\" \\ \/) c
      \b \backspace
      \f \formfeed
      \n \newline
      \r \return
      \t \tab
      \u (char (Integer/parseInt (apply str (repeatedly 4 #(next-char in))) 16))
      (fail (str "the escape \\" c)))))

(defn- read-text
  [in]
  (let [text (StringBuilder.)]
    (loop []
      (let [c (next-char in)]
        (case c
          nil (fail "a text without an end")
          \"  (str text)
          \\  (do (.append text ^char (char (read-escape in))) (recur))
          (do (.append text ^char (char c)) (recur)))))))

(defn- read-word
  "A number, true, false or null."
  [in first-char]
  (let [text (loop [text (str first-char)]
               (let [c (next-char in)]
                 (if (and c (re-matches #"[-+.0-9a-zA-Z]" (str c)))
                   (recur (str text c))
                   (do (unread in c) text))))]
    (cond
      (= "null" text)                     nil
      (= "true" text)                     true
      (= "false" text)                    false
      (re-matches #"-?(0|[1-9]\d*)" text) (let [number (bigint text)]
                                            (if (<= Long/MIN_VALUE number Long/MAX_VALUE) (long number) number))
      (re-matches #"-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?" text) (Double/parseDouble text)
      :else                               (fail text))))

(defn- read-items
  "The items between two brackets. Each is read by `read-item`, which gets its first character."
  [in end read-item]
  (let [c (next-token in)]
    (if (= end c)
      []
      (loop [items [(read-item c)]]
        (let [c (next-token in)]
          (cond
            (= end c) items
            (= \, c)  (recur (conj items (read-item (next-token in))))
            :else     (fail (str "a list with " (pr-str c) " after an item"))))))))

(defn- read-member
  [in c]
  (when-not (= \" c) (fail "an object with a key that is no text"))
  (let [k (keyword (read-text in))]
    (when-not (= \: (next-token in)) (fail "an object with a key without a value"))
    [k (read-value in (next-token in))]))

(defn- read-value
  [in c]
  (case c
    nil (fail "the end")
    \{  (into {} (read-items in \} #(read-member in %)))
    \[  (read-items in \] #(read-value in %))
    \"  (read-text in)
    (read-word in c)))

(defn parse
  [text]
  (let [in    (PushbackReader. (StringReader. text))
        value (read-value in (next-token in))]
    (when-let [c (next-token in)] (fail (str (pr-str c) " after the end")))
    value))
