import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.apache.avro.generic.GenericRecord;

/** The bounds of a record's fields, as {@code tidegate_stream.gate.validity} has them. */
final class Checks {
    private static final long EARLIEST = 946_684_800_000_000L;
    private static final long LATEST = 4_102_444_800_000_000L;
    private static final double YEAR_SECONDS = 31_536_000.0;

    private final Map<String, Pattern> shapes = new HashMap<>();
    private final Map<String, List<String>> choices;

    Checks(Map<String, String> shapes, Map<String, List<String>> choices) {
        shapes.forEach((field, shape) -> this.shapes.put(field, Pattern.compile(shape)));
        this.choices = choices;
    }

    boolean hold(GenericRecord record) {
        for (Map.Entry<String, Pattern> shape : shapes.entrySet()) {
            if (!shape.getValue().matcher((String) record.get(shape.getKey())).find()) {
                return false;
            }
        }
        for (Map.Entry<String, List<String>> choice : choices.entrySet()) {
            if (!choice.getValue().contains(record.get(choice.getKey()))) {
                return false;
            }
        }
        double rate = (double) record.get("sample_rate");
        return (long) record.get("sequence") >= 0 && rate > 0 && rate <= 1
                && isWithin(record, "occurred_at", EARLIEST) && isWithin(record, "received_at", EARLIEST)
                && (!record.hasField("duration_seconds") || spanHolds(record))
                && (!record.hasField("bucket_bounds") || metricHolds(record));
    }

    private static boolean isWithin(GenericRecord record, String name, long low) {
        long micros = (long) record.get(name);
        return micros >= low && micros <= LATEST;
    }

    private static boolean spanHolds(GenericRecord span) {
        double seconds = (double) span.get("duration_seconds");
        int status = (int) span.get("status_code");
        return seconds >= 0 && seconds <= YEAR_SECONDS && status >= 0 && status <= 999;
    }

    @SuppressWarnings("unchecked")
    private static boolean metricHolds(GenericRecord metric) {
        double before = Double.NEGATIVE_INFINITY;
        for (double bound : (List<Double>) metric.get("bucket_bounds")) {
            if (!Double.isFinite(bound) || bound <= before) {
                return false;
            }
            before = bound;
        }
        return Double.isFinite((double) metric.get("value")) && Double.isFinite((double) metric.get("sum"))
                && (long) metric.get("count") >= 0 && isWithin(metric, "started_at", 0)
                && ((List<Long>) metric.get("bucket_counts")).stream().allMatch(count -> count >= 0);
    }
}
