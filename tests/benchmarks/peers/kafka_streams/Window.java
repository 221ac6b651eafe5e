import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;
import org.apache.avro.generic.GenericRecord;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;

/** What a window of spans comes to: counts, sum, extremes, and a sketch of the durations, as {@code record_windows}. */
final class Window {
    private static final int FIXED_BYTES = 4 * Long.BYTES + 2 * Double.BYTES + Integer.BYTES;

    private long count;
    private long clientErrors;
    private long serverErrors;
    private long sum;
    private double least = Double.POSITIVE_INFINITY;
    private double most;
    private final Map<Integer, Long> buckets = new TreeMap<>();

    /** Count a span; returns this window. */
    Window add(GenericRecord span, Plan plan) {
        double rate = (double) span.get("sample_rate");
        double seconds = Math.min(Math.max((double) span.get("duration_seconds"), 0.0), plan.maxSeconds());
        int status = (int) span.get("status_code");
        long weight = (long) Math.rint(plan.countScale() / rate);
        count += weight;
        if ("request".equals(span.get("operation"))) {
            clientErrors += status >= 400 && status < 500 ? weight : 0;
            serverErrors += status >= 500 || (status == 0 && "error".equals(span.get("status"))) ? weight : 0;
        }
        sum += (long) Math.rint(seconds / rate * plan.secondsScale());
        least = Math.min(least, seconds);
        most = Math.max(most, seconds);
        buckets.merge(plan.bucketOf(seconds), weight, Long::sum);
        return this;
    }

    byte[] json() {
        StringBuilder text = new StringBuilder(64 + 24 * buckets.size()).append('[').append(count).append(',')
                .append(clientErrors).append(',').append(serverErrors).append(',').append(sum).append(',')
                .append(least).append(',').append(most).append(",{");
        String comma = "";
        for (Map.Entry<Integer, Long> bucket : buckets.entrySet()) {
            text.append(comma).append('"').append(bucket.getKey()).append("\":").append(bucket.getValue());
            comma = ",";
        }
        return text.append("}]").toString().getBytes(StandardCharsets.UTF_8);
    }

    static Serde<Window> serde() {
        return Serdes.serdeFrom((topic, window) -> window == null ? null : window.bytes(),
                (topic, bytes) -> bytes == null ? null : read(ByteBuffer.wrap(bytes)));
    }

    private byte[] bytes() {
        ByteBuffer into = ByteBuffer.allocate(FIXED_BYTES + buckets.size() * (Integer.BYTES + Long.BYTES));
        into.putLong(count).putLong(clientErrors).putLong(serverErrors).putLong(sum).putDouble(least).putDouble(most);
        into.putInt(buckets.size());
        buckets.forEach((bucket, weight) -> into.putInt(bucket).putLong(weight));
        return into.array();
    }

    private static Window read(ByteBuffer from) {
        Window window = new Window();
        window.count = from.getLong();
        window.clientErrors = from.getLong();
        window.serverErrors = from.getLong();
        window.sum = from.getLong();
        window.least = from.getDouble();
        window.most = from.getDouble();
        for (int left = from.getInt(); left > 0; left--) {
            window.buckets.put(from.getInt(), from.getLong());
        }
        return window;
    }
}
