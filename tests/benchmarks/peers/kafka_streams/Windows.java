import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import org.apache.avro.generic.GenericRecord;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.state.WindowStore;

/** Clean spans, keyed by their dimensions, to windows: an aggregate in RocksDB with a cache and a changelog. */
final class Windows {
    private static final Duration ALLOWED = Duration.ofMinutes(1);

    private Windows() {}

    static void add(StreamsBuilder builder, Plan plan, Clock clock) {
        AvroCodec codec = new AvroCodec(plan.clean().get("span"));
        Serde<GenericRecord> spans = Serdes.serdeFrom((topic, span) -> codec.encode(span), (topic, value) -> {
            clock.saw();
            return codec.decode(value);
        });
        Duration size = Duration.ofSeconds(plan.windowSeconds());
        builder.stream(plan.spanTopic(), Consumed.with(Serdes.ByteArray(), spans)
                        .withTimestampExtractor((message, before) -> micros(message.value()) / 1000))
                .groupByKey()
                .windowedBy(TimeWindows.ofSizeAndGrace(size, ALLOWED))
                .aggregate(Window::new, (key, span, window) -> window.add(span, plan), Materialized.<byte[], Window,
                        WindowStore<Bytes, byte[]>>with(Serdes.ByteArray(), Window.serde()))
                .toStream()
                .map((place, window) -> KeyValue.pair(name(place), window.json()))
                .to(plan.windowTopic(), Produced.with(Serdes.ByteArray(), Serdes.ByteArray()));
    }

    private static long micros(Object span) {
        return (long) ((GenericRecord) span).get("occurred_at");
    }

    private static byte[] name(Windowed<byte[]> place) {
        String start = Long.toString(place.window().start() / 1000);
        return String.join("\u001f", List.of(start, new String(place.key(), StandardCharsets.UTF_8)))
                .getBytes(StandardCharsets.UTF_8);
    }
}
