import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecord;

/** The gate of one kind: decodes, checks, pseudonymises, coarsens and scrubs one record. */
final class KindGate {
    private static final int KNOWN_MIN_LENGTH = 4;

    private final Plan.Kind kind;
    private final AvroCodec raw;
    private final AvroCodec clean;
    private final Checks checks;
    private final Scrub scrub;
    private final Values values;

    KindGate(Plan.Kind kind, AvroCodec raw, AvroCodec clean, Checks checks, Scrub scrub, Values values) {
        this.kind = kind;
        this.raw = raw;
        this.clean = clean;
        this.checks = checks;
        this.scrub = scrub;
        this.values = values;
    }

    /** The clean record of a raw one, null if it is refused; {@code source_offset} is left to the caller. */
    GenericRecord judged(byte[] value) {
        GenericRecord record = raw.decode(value);
        if (record == null || "denied".equals(record.get("consent")) || !checks.hold(record)) {
            return null;
        }
        String project = (String) record.get("project");
        if (!values.hasKey(project) || !kind.json().entrySet().stream()
                .allMatch(field -> scrub.isSound((String) record.get(field.getKey()), field.getValue()))) {
            return null;
        }
        return cleaned(record, project);
    }

    byte[] encode(GenericRecord record) {
        return clean.encode(record);
    }

    private GenericRecord cleaned(GenericRecord record, String project) {
        boolean anonymous = "anonymous".equals(record.get("consent"));
        List<String> known = known(record);
        for (String name : kind.pseudonymised()) {
            change(record, name, text -> anonymous || text.isEmpty() ? null : values.pseudonym(project, text));
        }
        if (kind.pseudonymised().contains("anonymous_id") && record.get("anonymous_id") == null) {
            record.put("anonymous_id", record.get("user_id"));
        }
        kind.truncated().forEach(name -> change(record, name, ip -> anonymous ? null : values.truncatedIp(ip)));
        kind.coarsened().forEach(name -> change(record, name, values::coarseUserAgent));
        kind.texts().forEach(name -> change(record, name, text -> own(text, known)));
        kind.urls().forEach(name -> change(record, name, url -> own(Values.bareUrl(url), known)));
        kind.json().keySet().forEach(name -> change(record, name, text -> ownJson(text, known)));
        kind.hexIds().forEach((name, digits) -> change(record, name, id -> Values.isHex(id, digits) ? id : null));
        change(record, "event_id", id -> id.toLowerCase(Locale.ROOT));
        return renamed(record);
    }

    private static void change(GenericRecord record, String name, UnaryOperator<String> how) {
        String text = (String) record.get(name);
        record.put(name, text == null ? null : how.apply(text));
    }

    private GenericRecord renamed(GenericRecord record) {
        GenericRecord result = new GenericData.Record(clean.schema);
        for (Schema.Field field : record.getSchema().getFields()) {
            Schema.Field target = clean.schema.getField(kind.renamed().getOrDefault(field.name(), field.name()));
            if (target != null) {
                result.put(target.pos(), record.get(field.pos()));
            }
        }
        return result;
    }

    private List<String> known(GenericRecord record) {
        List<String> known = new ArrayList<>();
        for (List<String> names : List.of(kind.pseudonymised(), kind.truncated())) {
            for (String name : names) {
                String value = (String) record.get(name);
                if (value != null && value.length() >= KNOWN_MIN_LENGTH) {
                    known.add(value.toLowerCase(Locale.ROOT));
                }
            }
        }
        return known;
    }

    private String own(String text, List<String> known) {
        return isHeldIn(text, known) ? scrub.text(without(known).matcher(text).replaceAll("[id]")) : scrub.shared(text);
    }

    private String ownJson(String text, List<String> known) {
        return isHeldIn(text, known) ? scrub.json(text, without(known)) : scrub.sharedJson(text);
    }

    private static boolean isHeldIn(String text, List<String> known) {
        String lower = text.toLowerCase(Locale.ROOT);
        return known.stream().anyMatch(lower::contains);
    }

    private static Pattern without(List<String> known) {
        String choices = String.join("|", known.stream().map(Pattern::quote).toList());
        return Pattern.compile("(?<!\\w)(?:" + choices + ")(?!\\w)", Pattern.CASE_INSENSITIVE);
    }
}
