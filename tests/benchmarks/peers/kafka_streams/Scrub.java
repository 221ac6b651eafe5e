import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.math.BigInteger;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Personal data and secrets taken out of texts and JSON: {@code tidegate_stream.gate.scrub}, with its patterns.
 *
 * <p>Less work than Tidegate's: what hides behind escapes or base64 is not looked for, and check digits of national
 * numbers are not computed. The input has neither, or the results would differ.
 */
final class Scrub {
    private static final String SECRET = "[secret]";

    private record Step(Pattern find, Function<MatchResult, String> replace) {}

    private final List<Step> steps;
    private final Pattern suspect;
    private final Pattern suspectJson;
    private final Pattern unlike;
    private final Pattern word;
    private final Set<String> sensitiveWords;
    private final Set<List<String>> sensitivePairs;
    private final Map<String, Integer> ibanLengths;
    private final Map<String, Boolean> sensitive = new Remembered<>();
    private final Map<String, String> texts = new Remembered<>();
    private final Map<String, String> jsons = new Remembered<>();
    private final Map<String, Boolean> sound = new Remembered<>();
    private final ObjectMapper mapper = new ObjectMapper()
            .configure(SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS, true)
            .configure(DeserializationFeature.FAIL_ON_TRAILING_TOKENS, true);

    Scrub(Plan.Patterns patterns) {
        ibanLengths = patterns.ibanLengths();
        steps = patterns.scrub().stream().map(this::step).toList();
        suspect = Pattern.compile(patterns.suspect());
        suspectJson = Pattern.compile(patterns.suspectJson());
        unlike = Pattern.compile(patterns.unlike());
        word = Pattern.compile(patterns.word());
        sensitiveWords = new HashSet<>(patterns.sensitiveWords());
        sensitivePairs = new HashSet<>(patterns.sensitivePairs());
    }

    /** Name, pattern, and how a match is replaced: a text with groups, or by name where the match has to be looked at. */
    private Step step(List<String> given) {
        Pattern find = Pattern.compile(given.get(1));
        return new Step(find, switch (given.get(0)) {
            case "basic" -> match -> isCredential(match) ? match.group(1) + match.group(2) + "[token]" : match.group();
            case "national_id" -> MatchResult::group;
            case "card" -> match -> luhn(match.group()) ? "[card]" : match.group();
            case "iban" -> this::iban;
            case "ipv6" -> match -> match.group().equals("::") || !isIpv6(match.group()) ? match.group() : "[ip]";
            default -> match -> filled(given.get(2), match);
        });
    }

    private static String filled(String template, MatchResult match) {
        String text = template;
        for (int group = 1; group <= match.groupCount(); group++) {
            text = text.replace("\\" + group, match.group(group) == null ? "" : match.group(group));
        }
        return text;
    }

    String text(String given) {
        String text = given;
        for (Step step : steps) {
            Matcher matcher = step.find().matcher(text);
            if (matcher.find()) {
                text = matcher.replaceAll(match -> Matcher.quoteReplacement(step.replace().apply(match)));
            }
        }
        return text;
    }

    String shared(String text) {
        return texts.computeIfAbsent(text, given -> suspect.matcher(given).find() ? text(given) : given);
    }

    boolean isSound(String text, String container) {
        return sound.computeIfAbsent(container + text, ignored -> {
            try {
                Object value = mapper.readValue(text, Object.class);
                return container.equals("dict") ? value instanceof Map : value instanceof List;
            } catch (JsonProcessingException broken) {
                return false;
            }
        });
    }

    String sharedJson(String text) {
        return jsons.computeIfAbsent(text, given -> suspectJson.matcher(given).find() || unlike.matcher(given).find()
                ? json(given, null) : canonical(parsed(given)));
    }

    String json(String text, Pattern known) {
        return canonical(value(parsed(text), known));
    }

    private Object parsed(String text) {
        try {
            return mapper.readValue(text, Object.class);
        } catch (JsonProcessingException error) {
            throw new IllegalStateException("JSON that was sound before", error);
        }
    }

    private String canonical(Object value) {
        try {
            return mapper.writeValueAsString(value);
        } catch (JsonProcessingException error) {
            throw new IllegalStateException(error);
        }
    }

    private Object value(Object given, Pattern known) {
        if (given instanceof String text) {
            return own(text, known);
        }
        if (given instanceof Map<?, ?> members) {
            Map<String, Object> clean = new TreeMap<>();
            members.forEach((key, item) -> clean.put(own((String) key, known), member((String) key, item, known)));
            return clean;
        }
        if (given instanceof List<?> items) {
            List<Object> clean = new ArrayList<>();
            items.forEach(item -> clean.add(value(item, known)));
            return clean;
        }
        if (given instanceof Number) {
            String text = given.toString();
            String clean = own(text, known);
            return clean.equals(text) ? given : clean;
        }
        return given;
    }

    private String own(String text, Pattern known) {
        return known == null ? shared(text) : text(known.matcher(text).replaceAll("[id]"));
    }

    private Object member(String key, Object item, Pattern known) {
        boolean telling = item != null && !(item instanceof Boolean) && !item.equals("");
        return telling && isSensitive(key) ? SECRET : value(item, known);
    }

    private boolean isSensitive(String key) {
        return sensitive.computeIfAbsent(key, given -> {
            List<String> words = word.matcher(given).results().map(it -> it.group().toLowerCase(Locale.ROOT)).toList();
            for (int index = 0; index < words.size(); index++) {
                if (sensitiveWords.contains(words.get(index))
                        || index > 0 && sensitivePairs.contains(words.subList(index - 1, index + 1))) {
                    return true;
                }
            }
            return false;
        });
    }

    /** What is padded, and what stands for a name and a password. */
    private static boolean isCredential(MatchResult match) {
        if (!match.group(4).isEmpty()) {
            return true;
        }
        try {
            return new String(Base64.getMimeDecoder().decode(match.group(3)), StandardCharsets.UTF_8).contains(":");
        } catch (IllegalArgumentException none) {
            return false;
        }
    }

    private static boolean luhn(String match) {
        String digits = match.replaceAll("\\D", "");
        int total = 0;
        for (int place = 0; place < digits.length(); place++) {
            int value = (digits.charAt(digits.length() - 1 - place) - '0') * (1 + place % 2);
            total += value > 9 ? value - 9 : value;
        }
        return total % 10 == 0;
    }

    private String iban(MatchResult match) {
        String text = match.group();
        int left = ibanLengths.get(text.substring(0, 2).toUpperCase(Locale.ROOT));
        int end = 0;
        while (end < text.length() && left > 0) {
            left -= Character.isLetterOrDigit(text.charAt(end++)) ? 1 : 0;
        }
        boolean glued = end < text.length() && Character.isLetterOrDigit(text.charAt(end));
        return left > 0 || glued || !mod97(text.substring(0, end)) ? text : "[iban]" + text.substring(end);
    }

    private static boolean mod97(String text) {
        String compact = text.toUpperCase(Locale.ROOT).replaceAll("[^A-Z0-9]", "");
        StringBuilder digits = new StringBuilder();
        (compact.substring(4) + compact.substring(0, 4)).chars().forEach(c -> digits.append(Character.digit(c, 36)));
        return new BigInteger(digits.toString()).mod(BigInteger.valueOf(97)).intValue() == 1;
    }

    private static boolean isIpv6(String text) {
        try {
            return InetAddress.getByName(text).getAddress().length > 0;
        } catch (UnknownHostException none) {
            return false;
        }
    }
}
