import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** What Python hands over (kafka_streams.py): schemas, fields by treatment, patterns and scales, each defined there. */
record Plan(
        Map<String, Framed> raw,
        Map<String, Framed> clean,
        Map<String, Kind> kinds,
        Patterns patterns,
        String spanTopic,
        String windowTopic,
        int windowSeconds,
        double countScale,
        double secondsScale,
        double maxSeconds,
        double sketchFloor,
        double sketchCeiling,
        double sketchPerLog) {

    /** A schema as JSON and the ten bytes in front of its records, in hexadecimal. */
    record Framed(String schema, String header) {}

    /** One kind's topics, and its fields by what the gate does to them. */
    record Kind(
            String rawTopic,
            String cleanTopic,
            List<String> pseudonymised,
            List<String> truncated,
            List<String> coarsened,
            List<String> texts,
            List<String> urls,
            Map<String, String> json,
            Map<String, Integer> hexIds,
            Map<String, String> renamed,
            Map<String, List<String>> choices) {}

    /** Regular expressions, and words of keys that tell of a secret. */
    record Patterns(
            List<List<String>> scrub,
            String suspect,
            String suspectJson,
            String unlike,
            Map<String, Integer> ibanLengths,
            List<String> sensitiveWords,
            List<List<String>> sensitivePairs,
            String word,
            Map<String, String> shapes,
            List<List<String>> families,
            List<List<String>> platforms) {}

    static Plan read(Path path) throws IOException {
        return new ObjectMapper().readValue(path.toFile(), Plan.class);
    }

    /** The sketch's bucket of a duration. */
    int bucketOf(double seconds) {
        return (int) Math.ceil(Math.log(Math.min(Math.max(seconds, sketchFloor), sketchCeiling)) * sketchPerLog);
    }
}
