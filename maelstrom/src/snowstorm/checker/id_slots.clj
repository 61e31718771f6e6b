(ns snowstorm.checker.id-slots
  "What is encoded in an id: the kind, and the slot, which is the timestamp, the node number and the sequence number. A
  slot is used for one id, a Snowflake id or a UUIDv7. So a slot found in two ids was handed out twice, even if the two
  look different.

  A Snowflake id is a decimal text of 64 unsigned bits: 41 of milliseconds since 2025, 10 of node, 12 of sequence, 1
  random. A UUIDv7 (RFC 9562) has 48 bits of unix milliseconds, 12 of sequence after the version, and 10 of node after
  the variant."
  (:import (java.time Instant ZoneOffset)
           (java.time.format DateTimeFormatter)))

(def epoch-ms
  "2025-01-01T00:00:00Z in unix milliseconds."
  1735689600000)

(def timestamp-ms-max
  (+ epoch-ms (dec (bit-shift-left 1 41))))

(def ^:private largest-text (str (dec (.shiftLeft BigInteger/ONE 64))))

(defn- snowflake?
  [^String text]
  (boolean (and (re-matches #"0|[1-9][0-9]{0,19}" text)
                (or (< (.length text) 20)
                    (<= (compare text largest-text) 0)))))

(defn- read-snowflake
  [text]
  (when (snowflake? text)
    (let [id (Long/parseUnsignedLong text)]
      {:kind         "snowflake"
       :timestamp-ms (+ epoch-ms (unsigned-bit-shift-right id 23))
       :node         (bit-and (unsigned-bit-shift-right id 13) 0x3ff)
       :sequence     (bit-and (unsigned-bit-shift-right id 1) 0xfff)})))

(defn- hexadecimal
  [text]
  (Long/parseLong text 16))

(defn- read-uuid
  [text]
  (when-let [[_ high low sequence node]
             (re-matches #"([0-9a-f]{8})-([0-9a-f]{4})-7([0-9a-f]{3})-([89ab][0-9a-f]{2})[0-9a-f]-[0-9a-f]{12}" text)]
    (let [timestamp-ms (hexadecimal (str high low))]
      (when (<= epoch-ms timestamp-ms timestamp-ms-max)
        {:kind         "uuid"
         :timestamp-ms timestamp-ms
         :node         (bit-and (hexadecimal node) 0x3ff)
         :sequence     (hexadecimal sequence)}))))

(defn read-id
  "The fields of an id; nil if it is not one."
  [id]
  (when (string? id)
    ; Where a UUID has its first hyphen, and a Snowflake id a digit.
    (if (= \- (get id 8)) (read-uuid id) (read-snowflake id))))

(defn slot
  "The slot of an id, which may be handed out once. A value that is not an id has a slot of its own."
  [id]
  (if-let [{:keys [timestamp-ms node sequence]} (read-id id)]
    [:slot timestamp-ms node sequence]
    [:no-id id]))

(def ^:private ^DateTimeFormatter iso-8601
  (.withZone (DateTimeFormatter/ofPattern "uuuu-MM-dd'T'HH:mm:ss.SSS'Z'") ZoneOffset/UTC))

(defn format-timestamp
  "ISO 8601 in UTC, with milliseconds."
  [unix-ms]
  (.format iso-8601 (Instant/ofEpochMilli unix-ms)))
