import java.util.LinkedHashMap;
import java.util.Map;

/** The last 50,000 results asked for, as {@code lru_cache}. */
final class Remembered<V> extends LinkedHashMap<String, V> {
    private static final int CAPACITY = 50_000;

    Remembered() {
        super(CAPACITY, 0.75f, true);
    }

    @Override
    protected boolean removeEldestEntry(Map.Entry<String, V> eldest) {
        return size() > CAPACITY;
    }
}
