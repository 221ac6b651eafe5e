import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.util.concurrent.CountDownLatch;

/** Counts records, and tells the rate from the first one seen until everything is with the broker. */
final class Clock {
    private static final double NANOSECONDS = 1e9;

    private final OperatingSystemMXBean process =
            (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    private final CountDownLatch done = new CountDownLatch(1);
    private final long expected;
    private long seen;
    private long began;
    private long cpu;

    Clock(long expected) {
        this.expected = expected;
    }

    /** Note a record before it is worked on; called by the one stream thread. */
    void saw() {
        if (seen == 0) {
            began = System.nanoTime();
            cpu = process.getProcessCpuTime();
        }
        seen += 1;
        if (seen == expected) {
            done.countDown();
        }
    }

    /** Block until all records were seen. */
    void await() throws InterruptedException {
        done.await();
    }

    /** Print the rate as JSON. */
    void tell() {
        double seconds = (System.nanoTime() - began) / NANOSECONDS;
        double used = (process.getProcessCpuTime() - cpu) / NANOSECONDS;
        System.out.println(
                "{\"records_per_second\": " + seen / seconds + ", \"seen\": " + seen + ", \"cpu_seconds\": " + used + "}");
    }
}
