import java.nio.file.Path;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;

/**
 * {@code Peer PLAN JOB BROKERS RECORDS HOME}: Kafka Streams as its documentation has it, one thread.
 *
 * <p>At least once (its default; Tidegate promises exactly once), and a commit each second, with which changed windows
 * are sent, as Tidegate's flush does.
 */
public final class Peer {
    private static final int COMMIT_MILLISECONDS = 1000;

    public static void main(String[] given) throws Exception {
        Plan plan = Plan.read(Path.of(given[0]));
        Path home = Path.of(given[4]);
        Clock clock = new Clock(Long.parseLong(given[3]));
        StreamsBuilder builder = new StreamsBuilder();
        if (given[1].equals("gate")) {
            Gate.add(builder, plan, clock, home.resolve("keys"));
        } else {
            Windows.add(builder, plan, clock);
        }
        KafkaStreams streams = new KafkaStreams(builder.build(), settings(given[2], home));
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            Runtime.getRuntime().halt(1);
            return null;
        });
        streams.start();
        clock.await();
        streams.close();
        clock.tell();
        Runtime.getRuntime().halt(0);
    }

    private static Properties settings(String brokers, Path home) {
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, "bench");
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, brokers);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, home.resolve("kafka-streams").toString());
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, COMMIT_MILLISECONDS);
        settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        settings.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        return settings;
    }
}
