import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** Single values made less telling, remembered as Tidegate remembers them. */
final class Values {
    private static final int DIGITS = 32;
    private static final Pattern QUERY = Pattern.compile("[?#]|%3[Ff]|%23");
    private static final Pattern ADDRESS = Pattern.compile("[0-9A-Fa-f.:]+");

    private record Named(String name, Pattern find) {}

    private final Path keys;
    private final Map<String, Mac> projects = new HashMap<>();
    private final Map<String, String> pseudonyms = new Remembered<>();
    private final Map<String, String> networks = new Remembered<>();
    private final Map<String, String> agents = new Remembered<>();
    private final List<Named> families;
    private final List<Named> platforms;

    Values(Plan.Patterns patterns, Path keys) {
        this.keys = keys;
        families = named(patterns.families());
        platforms = named(patterns.platforms());
    }

    private static List<Named> named(List<List<String>> pairs) {
        return pairs.stream().map(pair -> new Named(pair.get(0), Pattern.compile(pair.get(1)))).toList();
    }

    boolean hasKey(String project) {
        return projects.computeIfAbsent(project, this::key) != null;
    }

    private Mac key(String project) {
        Path path = keys.resolve("pseudonym-" + project + ".key");
        if (!Files.exists(path)) {
            return null;
        }
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(HexFormat.of().parseHex(Files.readString(path).strip()), "HmacSHA256"));
            return mac;
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        } catch (GeneralSecurityException error) {
            throw new IllegalStateException(error);
        }
    }

    String pseudonym(String project, String value) {
        return pseudonyms.computeIfAbsent(project + '\0' + value, ignored -> {
            byte[] digest = projects.get(project).doFinal(value.getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(digest).substring(0, DIGITS);
        });
    }

    String truncatedIp(String text) {
        return networks.computeIfAbsent(text, Values::network);
    }

    private static String network(String text) {
        if (!ADDRESS.matcher(text).matches()) {
            return null;
        }
        try {
            byte[] bytes = InetAddress.getByName(text).getAddress();
            Arrays.fill(bytes, bytes.length == 4 ? 3 : 6, bytes.length, (byte) 0);
            return InetAddress.getByAddress(bytes).getHostAddress();
        } catch (UnknownHostException none) {
            return null;
        }
    }

    String coarseUserAgent(String text) {
        return agents.computeIfAbsent(text, agent -> first(families, agent) + " / " + first(platforms, agent));
    }

    private static String first(List<Named> choices, String text) {
        for (Named choice : choices) {
            Matcher found = choice.find().matcher(text);
            if (found.find()) {
                return found.groupCount() == 0 || found.group(1) == null
                        ? choice.name() : choice.name() + " " + found.group(1);
            }
        }
        return "Other";
    }

    static String bareUrl(String text) {
        Matcher query = QUERY.matcher(text);
        return query.find() ? text.substring(0, query.start()) : text;
    }

    static boolean isHex(String text, int digits) {
        return text.length() == digits && text.chars().allMatch(c -> c >= '0' && c <= '9' || c >= 'a' && c <= 'f');
    }
}
