import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;

/** Avro single-object encoding of one schema, with buffers that are used again: for one thread. */
final class AvroCodec {
    static final int HEADER_BYTES = 10;

    final Schema schema;
    private final byte[] header;
    private final GenericDatumReader<GenericRecord> reader;
    private final GenericDatumWriter<GenericRecord> writer;
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private BinaryDecoder decoder;
    private BinaryEncoder encoder;

    AvroCodec(Plan.Framed framed) {
        schema = new Schema.Parser().parse(framed.schema());
        asJavaStrings(schema);
        header = HexFormat.of().parseHex(framed.header());
        reader = new GenericDatumReader<>(schema);
        writer = new GenericDatumWriter<>(schema);
    }

    private static void asJavaStrings(Schema schema) {
        for (Schema.Field field : schema.getFields()) {
            Schema of = field.schema();
            for (Schema one : of.getType() == Schema.Type.UNION ? of.getTypes() : List.of(of)) {
                if (one.getType() == Schema.Type.STRING) {
                    GenericData.setStringType(one, GenericData.StringType.String);
                }
            }
        }
    }

    /** A record, null if these bytes aren't one of this schema and nothing else. */
    GenericRecord decode(byte[] value) {
        if (value.length < HEADER_BYTES || !Arrays.equals(value, 0, HEADER_BYTES, header, 0, HEADER_BYTES)) {
            return null;
        }
        decoder = DecoderFactory.get().binaryDecoder(value, HEADER_BYTES, value.length - HEADER_BYTES, decoder);
        try {
            GenericRecord record = reader.read(null, decoder);
            return decoder.isEnd() ? record : null;
        } catch (IOException | RuntimeException broken) {
            return null;
        }
    }

    byte[] encode(GenericRecord record) {
        bytes.reset();
        bytes.writeBytes(header);
        encoder = EncoderFactory.get().binaryEncoder(bytes, encoder);
        try {
            writer.write(record, encoder);
            encoder.flush();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        return bytes.toByteArray();
    }
}
