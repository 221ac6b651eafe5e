import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.apache.avro.generic.GenericRecord;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.processor.api.RecordMetadata;

/**
 * All raw topics to their clean ones: the work of {@code record_gate.py}, on what the bench's events hold.
 *
 * <p>Copies are told by a set in memory, without a changelog, as with the Python peers. Traits and encoded ids, which
 * those events don't have, aren't looked for: less than what Tidegate does.
 */
final class Gate extends ContextualProcessor<byte[], byte[], byte[], byte[]> {
    private final Clock clock;
    private final Map<String, KindGate> kinds = new HashMap<>();
    private final Set<String> seen = new HashSet<>();

    private Gate(Plan plan, Clock clock, Path keys) {
        this.clock = clock;
        Scrub scrub = new Scrub(plan.patterns());
        Values values = new Values(plan.patterns(), keys);
        plan.kinds().forEach((name, kind) -> kinds.put(kind.rawTopic(),
                new KindGate(kind, new AvroCodec(plan.raw().get(name)), new AvroCodec(plan.clean().get(name)),
                        new Checks(plan.patterns().shapes(), kind.choices()), scrub, values)));
    }

    static void add(StreamsBuilder builder, Plan plan, Clock clock, Path keys) {
        Map<String, String> targets = new HashMap<>();
        plan.kinds().values().forEach(kind -> targets.put(kind.rawTopic(), kind.cleanTopic()));
        builder.stream(targets.keySet(), Consumed.with(Serdes.ByteArray(), Serdes.ByteArray()))
                .process(() -> new Gate(plan, clock, keys))
                .to((key, value, context) -> targets.get(context.topic()),
                        Produced.with(Serdes.ByteArray(), Serdes.ByteArray()));
    }

    @Override
    public void process(Record<byte[], byte[]> message) {
        clock.saw();
        RecordMetadata place = context().recordMetadata().orElseThrow();
        KindGate kind = kinds.get(place.topic());
        GenericRecord clean = kind.judged(message.value());
        if (clean == null || !seen.add(place.topic() + clean.get("event_id"))) {
            return;
        }
        clean.put("source_offset", place.offset());
        Object visitor = clean.get("visitor");
        byte[] key = (visitor == null ? clean.get("event_id") : visitor).toString().getBytes(StandardCharsets.UTF_8);
        context().forward(message.withKey(key).withValue(kind.encode(clean)));
    }
}
