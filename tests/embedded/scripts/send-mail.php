<?php echo json_encode(mail("to@example.org", "subject", "text of the mail"));
